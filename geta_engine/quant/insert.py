"""`prepare`: a trainable copy of a traced program with its quantizers in place, one node each."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from geta_engine.config import Bounds
from geta_engine.documents.qadg import Qadg
from geta_engine.errors import InputError
from geta_engine.quant.bank import QuantizerBank
from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.kernels import Kernels
from geta_engine.quant.programs import weights_together, without_quantizers
from geta_engine.torch_internals import foreach_norm
from geta_engine.trace import TracedModel
from geta_engine.trace.fx_nodes import shape_of
from geta_engine.trace.passes.train_eval import set_training

BANK = "geta_quantizers"
"""Name of the bank within a prepared program; a model's own `quantizers` keeps its name."""


def own_parameters(program: nn.Module, aliases: bool = False) -> dict[str, nn.Parameter]:
    """The parameters of a program that are no quantizer's."""
    named = program.named_parameters(remove_duplicate=not aliases)
    return {name: p for name, p in named if not name.startswith(f"{BANK}.")}


class PreparedModel(nn.Module):
    """A traced program that trains with fake quantizers.

    `program` is the graph module (nodes keep their traced names, quantizers are `fake_quantize` nodes marked with
    their id in `meta["quantizer"]`), `quantizers` the bank of their parameters, `origin` what was traced. What runs is
    `program` with its weights quantized in one call; what is exported is `program`.
    """

    def __init__(self, program: GraphModule, quantizers: QuantizerBank, origin: TracedModel) -> None:
        super().__init__()
        self.program = program
        self.quantizers = quantizers
        self.origin = origin
        self._derive(dense=False)
        self.eval()

    def use_kernels(self, kernels: Kernels) -> None:
        """Run this model's quantizers with `kernels` from now on; other models of the process keep theirs."""
        self.quantizers.kernels = kernels
        self._derive(dense=bool(self._dense))

    def _derive(self, dense: bool) -> None:
        position_of = {q.id: i for i, q in enumerate(self.quantizers.quantizers)}
        self._quantized = (weights_together(self.program, position_of, BANK, self.quantizers.learn_t),)
        self._dense = (without_quantizers(self.program),) if dense else ()

    def _apply(self, fn: Any, recurse: bool = True) -> PreparedModel:
        """`.to()` and its like give the program other buffers, which what is derived from it must have too."""
        super()._apply(fn, recurse)
        self._derive(dense=bool(self._dense))
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_exporting() and not self._dense:
            return self.program(*args, **kwargs)
        (run,) = self._dense or self._quantized
        return run(*args, **kwargs)

    def train(self, mode: bool = True) -> PreparedModel:
        """Switch BatchNorm and dropout, whose flags are constants of an exported program."""
        self.training = mode
        for program in (self.program, *self._quantized, *self._dense):
            set_training(program, mode)
        return self

    def quantize(self, mode: bool = True) -> PreparedModel:
        """Run with quantizers, or as the dense program on the same parameters and buffers."""
        if mode == bool(self._dense):
            self._dense = () if mode else (without_quantizers(self.program),)
        return self

    def bits_by_id(self) -> dict[str, float]:
        """Quantizer id -> bit width now."""
        return dict(zip((q.id for q in self.quantizers.quantizers), self.quantizers.bits().tolist()))

    def model_parameters(self, aliases: bool = False) -> dict[str, nn.Parameter]:
        """The network's own parameters by traced name, quantizers left out; with `aliases` tied ones by each name."""
        return own_parameters(self.program, aliases)


def prepare(
    traced: TracedModel,
    qadg: Qadg,
    bits: Bounds | str = "4:8",
    layer_bits: Mapping[str, Bounds] | None = None,
    learn_t: bool = False,
    unsigned: bool = True,
) -> PreparedModel:
    """Insert the graph's quantizers (docs/method.md, section 2): weights start at q_m = max|W|, t = 1, d = d(16).

    `bits` bounds every quantizer, `layer_bits` single ones by id. Tensors that are proven to be never negative waste no
    level on a sign, unless `unsigned` is false. Activation clips are set by `calibrate`.
    Raises InputError for an id that the graph does not have.
    """
    bounds_of = dict(layer_bits or {})
    ids = {q.id for q in qadg.quantizers}
    for name in bounds_of:
        if name not in ids:
            raise InputError(
                f"there is no quantizer {name!r}: `geta analyze` lists their ids, such as {min(ids, default='')!r}"
            )
    bounds = Bounds.parse(bits) if isinstance(bits, str) else bits
    program = traced.graph_module()
    bank = QuantizerBank(qadg.quantizers, bounds, bounds_of, learn_t, unsigned)
    program.add_module(BANK, bank)
    _insert(program, qadg, learn_t)
    model = PreparedModel(program, bank, traced)
    refresh_weight_clips(model)
    return model


@torch.no_grad()
def refresh_weight_clips(model: PreparedModel) -> None:
    """q_m = max|W| for every weight quantizer."""
    weights = [q.id for q in model.quantizers.quantizers if q.kind == "weight"]
    if weights:
        parameters = dict(model.program.named_parameters(remove_duplicate=False))
        tensors = [parameters[name].detach() for name in weights]
        peaks = torch.stack(foreach_norm(tensors, float("inf"))).tolist()
        model.quantizers.set_clips({n: peak or _first_clip(w) for n, w, peak in zip(weights, tensors, peaks)})


def _first_clip(weight: Tensor) -> float:
    """For a weight that starts at zero, the spread that is usual at the start: room to grow."""
    return (weight.numel() / len(weight)) ** -0.5


def _insert(program: GraphModule, qadg: Qadg, learn_t: bool) -> None:
    graph = program.graph
    nodes = {node.name: node for node in graph.nodes}
    first = next(iter(graph.nodes))
    with graph.inserting_before(first):
        rows = {
            name: graph.call_function(torch.unbind, (graph.get_attr(f"{BANK}.{name}"),))
            for name in ("d", "q_m", *(("t",) if learn_t else ()))
        }
        scalars = [
            tuple(graph.call_function(operator.getitem, (row, i)) for row in rows.values())
            for i in range(len(qadg.quantizers))
        ]
    for quantizer, parameters in zip(qadg.quantizers, scalars):
        source = nodes[quantizer.source]
        with graph.inserting_after(_after(source, quantizer.readers, nodes)):
            marked = graph.call_function(fake_quantize, (source, *parameters))
        marked.meta = {**source.meta, "quantizer": quantizer.id}
        for reader, read in zip(quantizer.readers, quantizer.reads, strict=True):
            nodes[reader].replace_input_with(nodes[read], marked)
    graph.eliminate_dead_code()
    graph.lint()
    program.recompile()


def _after(source: Node, readers: tuple[str, ...], nodes: Mapping[str, Node]) -> Node:
    """Placeholders must stay together: a quantized program input is quantized right before its first reader."""
    if source.op == "call_function":
        return source
    return nodes[readers[0]].prev


def quantized_numbers(model: PreparedModel, rows: float) -> float:
    """Numbers that pass through quantizers in one step, on `rows` times as many rows as were traced."""
    total = 0.0
    for node in model.program.graph.nodes:
        if node.target is fake_quantize:
            is_weight = node.args[0].op == "get_attr"
            total += math.prod(shape_of(node)) * (1.0 if is_weight else rows)
    return total


def calibration_sources(model: PreparedModel) -> dict[str, Node]:
    """Activation quantizer id -> the node whose output it quantizes."""
    activations = {q.id for q in model.quantizers.quantizers if q.kind == "activation"}
    return {
        node.meta["quantizer"]: node.args[0]  # type: ignore[misc]
        for node in model.program.graph.nodes
        if node.target is fake_quantize and node.meta["quantizer"] in activations
    }
