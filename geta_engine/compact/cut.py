"""`compact`: the smaller program, with no unit of zeros and no quantizer ops of ours left in it."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from geta_engine.compact.removal import Removal
from geta_engine.compact.rewrites import rewrite
from geta_engine.documents.qadg import Qadg
from geta_engine.errors import CheckFailed
from geta_engine.quant.bank import QuantizerBank
from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.insert import BANK, PreparedModel
from geta_engine.trace import TracedModel
from geta_engine.trace.fx_nodes import is_leaf_module
from geta_engine.trace.passes.train_eval import set_training
from geta_engine.trace.traced import retrace

_aten = torch.ops.aten


def compact(model: PreparedModel | TracedModel, qadg: Qadg) -> TracedModel:
    """Cut every prunable unit whose producer slices are all zero; weights are stored quantized.

    Parameters keep their names, the result is plain ATen that `torch.export.load` reads. Raises CheckFailed when a
    group would lose its last unit.
    """
    return remove_units(bake_quantizers(model), origin_of(model), qadg, zero_units(model, qadg))


def origin_of(model: PreparedModel | TracedModel) -> TracedModel:
    return model.origin if isinstance(model, PreparedModel) else model


def remove_units(module: GraphModule, origin: TracedModel, qadg: Qadg, zero: NDArray[np.bool_]) -> TracedModel:
    """Remove the units marked in `zero` (over all units) from a frozen graph module, which is used up."""
    return retrace(remove_units_in_place(module, qadg, zero), origin, f"{origin.name}-compact")


def remove_units_in_place(module: GraphModule, qadg: Qadg, zero: NDArray[np.bool_]) -> GraphModule:
    """`cut` in place, without tracing the result anew: sizes in `meta` are still the original ones."""
    for group in qadg.groups:
        if zero[group.first_unit : group.first_unit + group.size].all():
            raise CheckFailed(f"group {group.id} (`{group.name}`) would lose all of its {group.size} units")
    removal = Removal(qadg, zero)
    read = _attributes(module)
    rewrite(module, removal)
    _cut_parameters(module, removal)
    module.graph.eliminate_dead_code()
    for name in read - _attributes(module):
        owner, _, attribute = name.rpartition(".")
        delattr(module.get_submodule(owner), attribute)
    module.graph.lint()
    module.recompile()
    return module


def _attributes(module: GraphModule) -> set[str]:
    return {str(node.target) for node in module.graph.nodes if node.op == "get_attr"}


@torch.no_grad()
def bake_quantizers(model: PreparedModel | TracedModel) -> GraphModule:
    """A copy in eval mode in which weights hold their quantized values and activation quantizers are plain ATen."""
    if isinstance(model, TracedModel):
        return model.graph_module()
    module = copy.deepcopy(model.program)
    set_training(module, False)
    bank = model.quantizers
    position_of = {q.id: i for i, q in enumerate(bank.quantizers)}
    for node in list(module.graph.nodes):
        if node.op == "call_function" and node.target is fake_quantize:
            _bake(module, node, bank, position_of[node.meta["quantizer"]])
    module.graph.eliminate_dead_code()
    delattr(module, BANK)
    module.recompile()
    return module


def _bake(module: GraphModule, node: Node, bank: QuantizerBank, position: int) -> None:
    """The node replaced by its result: the quantized weight, or plain ops on an activation."""
    d, q_m, t = bank.d[position], bank.q_m[position], bank.t[position] if bank.learn_t else None
    source = node.args[0]
    assert isinstance(source, Node)
    if source.op == "get_attr" and len(source.users) == 1:
        weight = module.get_parameter(str(source.target))
        weight.copy_(fake_quantize(weight, d, q_m, t, bank.kernels))
        node.replace_all_uses_with(source)
    else:
        with module.graph.inserting_before(node):
            ops = _plain_quantizer(node, source, d, q_m, t, is_signed=bool(bank.sign[position]))
        stack = _around(next(iter(node.users)))
        stands_for = source.meta.get("stands_for", source.name)
        for op in ops:
            op.meta = {"val": node.meta["val"], "stands_for": stands_for, "nn_module_stack": stack}
        node.replace_all_uses_with(ops[-1])
    module.graph.erase_node(node)


def _around(reader: Node) -> dict[str, Any]:
    """The modules in which a quantizer of what a node reads is drawn: those around its layer."""
    stack = dict(reader.meta.get("nn_module_stack") or {})
    if is_leaf_module(reader):
        stack.popitem()
    return stack


def _plain_quantizer(node: Node, x: Node, d: Tensor, q_m: Tensor, t: Tensor | None, is_signed: bool) -> list[Node]:
    """The activation quantizer in ATen ops with its numbers as constants (t = 1: clamp, divide, round, multiply), in
    order."""
    call = node.graph.call_function
    step, clip = float(d), float(q_m)
    if t is None:
        first = [call(_aten.clamp.default, (x, -clip if is_signed else 0.0, clip))]
    else:
        size = call(_aten.abs.default, (x,))
        magnitude = call(_aten.clamp.default, (size, 0.0, clip))
        power = call(_aten.pow.Tensor_Scalar, (magnitude, float(t)))
        sign = call(_aten.sign.default, (x,))
        first = [size, magnitude, power, sign, call(_aten.mul.Tensor, (power, sign))]
    ratio = call(_aten.div.Tensor, (first[-1], step))
    levels = call(_aten.round.default, (ratio,))
    return [*first, ratio, levels, call(_aten.mul.Tensor, (levels, step))]


@torch.no_grad()
def zero_units(model: PreparedModel | TracedModel, qadg: Qadg) -> NDArray[np.bool_]:
    """Prunable units whose producer slices are all exactly zero, over all units. Shape [total_units].

    The trained values count, not the quantized ones: small weights that round to zero make no zero unit.
    """
    module = model.program if isinstance(model, PreparedModel) else model.graph_module()
    tensors = dict(module.named_parameters(remove_duplicate=False))
    zero = np.zeros(qadg.total_units, bool)
    for group in qadg.prunable:
        alive = np.zeros(group.size, bool)
        for member in group.members:
            if member.role == "producer":
                other = [d for d in range(tensors[member.parameter].ndim) if d != member.dim]
                nonzero = (tensors[member.parameter] != 0).any(dim=other) if other else tensors[member.parameter] != 0
                alive |= nonzero.cpu().numpy()[member.index].any(axis=1)
        zero[group.first_unit : group.first_unit + group.size] = ~alive
    return zero


@torch.no_grad()
def set_to_zero(module: nn.Module, qadg: Qadg, zero: NDArray[np.bool_]) -> None:
    """Set the producer slices of the marked units to zero, in place."""
    tensors = dict(module.named_parameters(remove_duplicate=False))
    for group in qadg.prunable:
        chosen = zero[group.first_unit : group.first_unit + group.size]
        for member in group.members:
            if member.role == "producer" and chosen.any():
                index = torch.from_numpy(member.index[chosen].ravel()).to(tensors[member.parameter].device)
                tensors[member.parameter].index_fill_(member.dim, index, 0)


@torch.no_grad()
def _cut_parameters(module: GraphModule, removal: Removal) -> None:
    """Cut every tensor the graph reads; other names of the same tensor (tied weights) follow it."""
    names: dict[int, list[str]] = {}
    tensors = module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)
    for name, tensor in chain(*tensors):
        names.setdefault(id(tensor), []).append(name)
    for node in list(module.graph.nodes):
        kept = removal.kept(node.name) if node.op == "get_attr" and "stands_for" not in node.meta else {}
        if not kept:
            continue
        tensor = _attribute(module, str(node.target))
        small = tensor.detach()
        for dim, index in kept.items():
            small = small.index_select(dim, torch.from_numpy(index).to(small.device))
        new = nn.Parameter(small, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else small
        for name in names.get(id(tensor), [str(node.target)]):
            owner, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(owner), attribute, new)


def _attribute(module: GraphModule, name: str) -> Tensor:
    owner, _, attribute = name.rpartition(".")
    return getattr(module.get_submodule(owner), attribute)
