"""Quantizer branches: the ops a traced quantizer is made of, recognised by their structure.

See docs/method.md, section 3.1.

A branch starts from a rounding op. The nearest scaling before it (`x / s`) that a scaling after it undoes (`* s`: the
same parameter, or the same number) bounds the smallest region; without such a pair the rounding is the network's own.
The region then grows, one step at a time and only while it has one entry, one exit and one shape, over
- what makes a straight-through estimator: additions and subtractions after which the value is the quantized one again,
- `sign(x)` times it, a `where` that clips, a clip on a side that has none yet,
- a power with a parameter, or one with a number of what is clipped: `min(x, q) ** t`, `sign(x) * min(|x|, q) ** t`,
- a further pair around it: an offset taken off and put back, an outer scale divided by and multiplied with,
- whatever else is in the same module, where that module has no children and holds quantizer ops only.
So relu, a residual addition, a layer scale and the network's own `x * 0.5` stay outside. Each rounding op costs a few
dozen steps, whatever the size of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from torch.fx import Graph, Node

from geta_engine.documents.qadg import Branch
from geta_engine.qadg.quantizers.facts import Facts
from geta_engine.qadg.quantizers.ops import AXIS, keeps_zero
from geta_engine.qadg.quantizers.placement import QUANTIZED_OPS
from geta_engine.qadg.quantizers.search import Region, find_regions
from geta_engine.trace.fx_nodes import layer_of, normal_dim, op_name


class Folded(NamedTuple):
    """Branches for a walk over the program: skip `inner`, and let `results[name]` stand for the node `name`."""

    results: Mapping[str, str]
    inner: frozenset[str]


def folded(branches: Sequence[Branch]) -> Folded:
    """Each branch as one edge, result -> source (itself a result where quantizers follow each other)."""
    results = {branch.result: branch.source for branch in branches}
    inner = {name for branch in branches for name in (*branch.nodes, *branch.scalars)}
    return Folded(results, frozenset(inner - results.keys()))


def find_branches(graph: Graph) -> tuple[Branch, ...]:
    """The quantizer branches of a graph of ATen ops whose parameters are get_attr nodes, in program order of results.

    Only structure, shapes and module scopes are read; the graph stays as it is. Example: `linear(x, round(w / s) * s)`
    has one attached branch of the nodes div, round and mul, with source `w` and parameter `s`.
    """
    facts = Facts(graph)
    regions = sorted(find_regions(facts), key=lambda region: facts.position[region.exit])
    prepared = [_Scalars(facts, region) for region in regions]
    inner = {node for region in regions for node in region.nodes}
    channels = {name for scalars in prepared for name, _ in scalars.per_channel}
    cone = {node for scalars in prepared for node in scalars.cone if node.name not in channels}
    for node in sorted(cone, key=facts.position.__getitem__, reverse=True):
        if inner.issuperset(facts.readers(node)):
            inner.add(node)
    inner &= cone
    return tuple(_branch(facts, region, scalars, inner) for region, scalars in zip(regions, prepared))


class _Scalars:
    """The operands of a region's ops that are not data: (op, operand), in program order."""

    def __init__(self, facts: Facts, region: Region) -> None:
        self.facts, self.region = facts, region
        self.nodes = sorted(region.nodes, key=facts.position.__getitem__)
        self.operands = [(n, a) for n in self.nodes for a in n.all_input_nodes if facts.is_scalar(a, region.origin)]

    def parameters(self) -> tuple[str, ...]:
        """Dotted names of what the operands are made of."""
        names = (name for _, operand in self.operands for name in sorted(self.facts.leaves[operand] or ()))
        return tuple(dict.fromkeys(names))

    @cached_property
    def cone(self) -> list[Node]:
        """The operands and all they are computed from."""
        cone = dict.fromkeys(operand for _, operand in self.operands)
        pending = list(cone)
        while pending:
            inputs = [a for a in pending.pop().all_input_nodes if a not in cone and self.facts.leaves[a] is not None]
            cone.update(dict.fromkeys(inputs))
            pending += inputs
        return sorted(cone, key=self.facts.position.__getitem__)

    @cached_property
    def per_channel(self) -> tuple[tuple[str, int], ...]:
        """(get_attr node, dim of the source) of the parameters with a value a channel."""
        axes: dict[tuple[str, int], None] = {}
        for op, operand in self.operands:
            if (size := self.facts.size(operand)) > 1 and self.facts.shape(op) == self.facts.shape(self.region.exit):
                leaves = [self.facts.attributes[name] for name in sorted(self.facts.leaves[operand] or ())]
                dim = self._dim(op, operand)
                axes.update({(leaf.name, dim): None for leaf in leaves if self.facts.size(leaf) == size})
        return tuple(axes)

    def _dim(self, op: Node, operand: Node) -> int:
        rank, shape = len(self.facts.shape(op)), self.facts.shape(operand)
        position = AXIS.get(self.facts.op[op])
        if position is not None:
            return normal_dim(int(op.args[position]), rank)  # type: ignore[arg-type]
        return rank - len(shape) + shape.index(max(shape))


def _branch(facts: Facts, region: Region, scalars: _Scalars, prepared: set[Node]) -> Branch:
    readers = sorted(facts.readers(region.exit), key=facts.position.__getitem__)
    constant = facts.leaves[region.entry] is not None
    return Branch(
        kind="attached" if constant and not _is_input(region, readers) else "inserted",
        source=region.entry.name,
        result=region.exit.name,
        nodes=tuple(node.name for node in scalars.nodes),
        parameters=scalars.parameters(),
        layer=_layer(facts, region, readers),
        readers=tuple(reader.name for reader in readers),
        per_channel=scalars.per_channel,
        scalars=tuple(node.name for node in scalars.cone if node in prepared),
        keeps_zero=keeps_zero(scalars.nodes, scalars.cone, region.entry, facts.whole, constant),
    )


def _is_input(region: Region, readers: Sequence[Node]) -> bool:
    """Whether layers read the result as their input, as they may read a table of positions, and not as a weight."""
    calls = [reader for reader in readers if reader.op == "call_function" and op_name(reader) in QUANTIZED_OPS]
    return bool(calls) and len(calls) == len(readers) and all(call.args[0] is region.exit for call in calls)


def _layer(facts: Facts, region: Region, readers: Sequence[Node]) -> str:
    """The reader's module, or the one that owns its weight where that is deeper: `F.linear(x, q(self.fc.weight))`."""
    for node in (*readers[:1], region.entry):
        scope = layer_of(node) if node.op == "call_function" else ""
        weights = (facts.root[a] for a in (region.entry, *node.all_input_nodes) if node.op != "output")
        owner = next((owner for weight in weights if (owner := _owner(weight))), "")
        if owner or scope:
            return owner if not scope or owner.startswith(f"{scope}.") else scope
    return region.entry.name


def _owner(parameter: str | None) -> str:
    """`fc` for `fc.weight` and for `fc.parametrizations.weight.original`."""
    path, parametrized, _ = (parameter or "").partition(".parametrizations.")
    return path if parametrized else path.rpartition(".")[0]
