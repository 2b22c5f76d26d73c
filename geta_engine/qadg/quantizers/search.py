"""The search for the region of a quantizer around its rounding op: the smallest one, then grown step by step.

The smallest region reaches from the nearest scaling before the rounding op (`x / s`) to the scaling after it that
undoes it (`* s`: the same parameter, or the same number). It grows only while it has one entry, one exit and one
shape, and nothing reads it on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from geta_engine.qadg.quantizers.facts import Facts
from geta_engine.qadg.quantizers.ops import AXIS, HALVES, ROUNDING, SIGNS, WRAPPERS, bounds, reduces
from geta_engine.trace.fx_nodes import layer_of

_REACH = 48
"""The most ops a region may have; real quantizers have fewer than 20."""

Wanted = tuple[Node, Iterable[Node]]
"""What a step asks for: the region that ends in this node and holds those."""


@dataclass(frozen=True)
class Region:
    """Ops between `entry` (outside) and `exit` (inside), around the rounding op or fake-quantize op `seed`.

    `origin` is the parameter that is quantized, None for an activation.
    """

    seed: Node
    origin: str | None
    entry: Node
    exit: Node
    nodes: frozenset[Node]


def find_regions(facts: Facts) -> list[Region]:
    """The quantizers of a program, in program order of their rounding ops."""
    search = _Search(facts)
    for node in facts.position:
        if node not in search.claimed and (region := search.smallest(node)) is not None:
            region = search.grown(region)
            search.claimed |= region.nodes
            search.regions.append(region)
    return search.regions


class _Search:
    """Regions found so far, and the steps that find the next."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.regions: list[Region] = []
        self.claimed: set[Node] = set()

    def smallest(self, seed: Node) -> Region | None:
        """A quantize op by itself, or a rounding op with its pair of scalings; None where `seed` is neither."""
        op = self.facts.op[seed]
        if op in AXIS:
            return self._fused(seed)
        if op not in ROUNDING or (self.facts.leaves[seed] is not None and self.facts.size(seed) == 1):
            return None
        origin = self.facts.root[seed]
        before = [(n, scale) for n, _ in self._backward(seed, origin) if (scale := self.facts.scale(n, origin))]
        for exit in self._forward(seed) if before else ():
            if after := self.facts.scale(exit, origin):
                for node, scale in before:
                    if scale.undone_by(after):
                        return self._region(seed, origin, exit, (seed, node))
        return None

    def _fused(self, seed: Node) -> Region | None:
        """A fake-quantize op (the first of its results), or a dequantize op with the quantize op that it reads."""
        if seed.meta.get("val") is None or self.facts.op[seed] in HALVES:
            return None
        inside, exit = [seed], self._only_reader(seed) if isinstance(seed.meta["val"], tuple | list) else seed
        if "dequantize" in self.facts.op[seed]:
            (source, *_) = seed.all_input_nodes
            inside += [source] if self.facts.op[source] in HALVES else []
            exit = seed if len(inside) == 2 or source.op == "get_attr" else None
        return self._region(seed, self.facts.root[seed], exit, inside) if exit is not None else None

    def grown(self, region: Region) -> Region:
        """Steps taken until none makes the region larger."""
        steps = (self._estimator, self._sign, self._clip, self._power, self._pair, self._module)
        while True:
            wanted = (pair for step in steps for pair in step(region))
            larger = (self._region(region.seed, region.origin, exit, inside) for exit, inside in wanted)
            grown = next((r for r in larger if r is not None and len(r.nodes) > len(region.nodes)), None)
            if grown is None:
                return region
            region = grown

    def _region(self, seed: Node, origin: str | None, exit: Node, inside: Iterable[Node]) -> Region | None:
        """The smallest region that ends in `exit` and holds `inside`, if nothing but its exit is read outside."""
        needed = set(inside)
        for entry, nodes in self._backward(exit, origin):
            if needed <= nodes:
                closed = all(node is exit or self._is_read_inside(node, nodes) for node in nodes)
                free = all(node not in self.claimed or self.facts.op[node] in HALVES for node in nodes)
                same = self.facts.shape(entry) == self.facts.shape(exit)
                return Region(seed, origin, entry, exit, frozenset(nodes)) if closed and free and same else None
        return None

    def _is_read_inside(self, node: Node, nodes: set[Node]) -> bool:
        """PyTorch gives each reader of a quantized tensor its own dequantize op: such branches share a node."""
        if self.facts.op[node] in HALVES:
            return all("dequantize" in self.facts.op[reader] for reader in self.facts.readers(node))
        return nodes.issuperset(self.facts.readers(node))

    def _backward(self, exit: Node, origin: str | None) -> Iterator[tuple[Node, set[Node]]]:
        """Nodes that all of `exit` is computed from, `exit` first, each with the ops between the two."""
        frontier, nodes = {exit}, set[Node]()
        while frontier and len(nodes) < _REACH:
            last = max(frontier, key=self.facts.position.__getitem__)
            if len(frontier) == 1:
                yield last, nodes
            if not self.facts.is_inner(last):
                return
            frontier.remove(last)
            nodes.add(last)
            frontier.update(self.facts.data(last, origin))

    def _forward(self, node: Node) -> Iterator[Node]:
        """Nodes through which all leads that reads `node`, nearest first."""
        frontier = {node}
        for _ in range(_REACH):
            first = min(frontier, key=self.facts.position.__getitem__)
            readers = self.facts.readers(first)
            if not readers or not all(map(self.facts.is_inner, readers)):
                return
            frontier = (frontier - {first}).union(readers)
            if len(frontier) == 1:
                yield next(iter(frontier))

    def _estimator(self, region: Region) -> Iterator[Wanted]:
        """`x + (q - x).detach()` and its kin: sums that come out as the quantized value, all else cancelled."""
        terms, node = {region.exit: 1}, region.exit
        for _ in range(6):
            reader = self._inner_reader(node)
            op = self.facts.op[reader] if reader is not None else ""
            if reader is None or not (op in WRAPPERS or (op in ("add", "sub") and not reader.kwargs)):
                return
            if op not in WRAPPERS:
                terms = self._sum(reader, node, terms)
                if {n: count for n, count in terms.items() if count} == {region.exit: 1}:
                    yield reader, region.nodes
            node = reader

    def _sum(self, reader: Node, node: Node, terms: dict[Node, int]) -> dict[Node, int]:
        """`reader` adds to or subtracts from `node`, which stands for `terms`; the sum, by counted nodes."""
        swapped = reader.args[1] is node
        other = reader.args[0] if swapped else reader.args[1]
        sign = 1 if self.facts.op[reader] == "add" else -1
        total = {n: count * (sign if swapped else 1) for n, count in terms.items()}
        peeled = self._peeled(other)
        if peeled is not None:
            total[peeled] = total.get(peeled, 0) + (1 if swapped else sign)
        return total

    def _peeled(self, value: Any) -> Any:
        """A node behind its detaches; None for `x - x.detach()`."""
        value = self._unwrapped(value)
        if isinstance(value, Node) and self.facts.op[value] == "sub" and not value.kwargs:
            return None if self._unwrapped(value.args[0]) is self._unwrapped(value.args[1]) else value
        return value

    def _unwrapped(self, value: Any) -> Any:
        while isinstance(value, Node) and self.facts.op[value] in WRAPPERS:
            value = value.args[0]
        return value

    def _sign(self, region: Region) -> Iterator[Wanted]:
        """`sign(x)` times the magnitude, or a `where` that puts a limit in its place."""
        reader = self._inner_reader(region.exit)
        op = self.facts.op[reader] if reader is not None else ""
        if reader is None or op not in ("mul", "copysign", "where"):
            return
        others = [a for a in reader.all_input_nodes if a is not region.exit]
        limits = [a for a in reader.args[1:] if isinstance(a, Node) and a is not region.exit]
        signed = op == "mul" and any(self.facts.op[a] in SIGNS for a in others)
        copied = op == "copysign" and reader.args[0] is region.exit
        limited = op == "where" and all(self.facts.is_scalar(a, region.origin) for a in limits)
        if signed or copied or (limited and reader.args[0] is not region.exit):
            yield reader, region.nodes

    def _clip(self, region: Region) -> Iterator[Wanted]:
        """A clip before the region on a side that has none."""
        if self._clips(region.entry, region):
            yield region.exit, {*region.nodes, region.entry}

    def _clips(self, node: Node, region: Region) -> frozenset[str]:
        """The sides on which `node` bounds what it reads and the region does not: a magnitude has no side below."""
        if len(self.facts.data(node, region.origin)) != 1 or layer_of(node) != layer_of(region.seed):
            return frozenset()
        if any(self.facts.op[inner] in AXIS for inner in region.nodes):
            return frozenset()
        bounds_inside = frozenset().union(*map(bounds, region.nodes))
        signed = any(self._signed(inner) for inner in region.nodes)
        return bounds(node) - bounds_inside - ({"low"} if signed else frozenset())

    def _power(self, region: Region) -> Iterator[Wanted]:
        """A power before the region: of what is clipped, also `sign(x) * min(|x|, q) ** t`, or with a parameter.

        A power of what has no bound, with a number for exponent, is the network's own.
        """
        entry, origin = region.entry, region.origin
        power, signed = self._signed(entry) or (entry, None)
        exponent = self._exponent(power, origin)
        if exponent is None or layer_of(entry) != layer_of(region.seed):
            return
        clip = power.args[0]
        assert isinstance(clip, Node)
        clipped = "high" in self._clips(clip, region) and not any(map(reduces, region.nodes))
        if clipped and (signed is None or signed is self._absolute(clip, origin)):
            yield region.exit, {*region.nodes, entry, power, clip}
        elif signed is None and isinstance(exponent, Node):
            yield region.exit, {*region.nodes, entry}

    def _exponent(self, node: Node, origin: str | None) -> Any:
        """t of `x ** t`, a scalar or a positive number; None for what is no such power."""
        if self.facts.op[node] != "pow" or self.facts.data(node, origin) != (node.args[0],):
            return None
        t = node.args[1]
        return t if t is not node.args[0] and (isinstance(t, Node) or t > 0) else None  # type: ignore[operator]

    def _signed(self, node: Node) -> tuple[Node, Any] | None:
        """(m, x) of `m * sign(x)` and `copysign(m, x)`."""
        op, (first, *others) = self.facts.op[node], node.args or (None,)
        for m, sign in ((first, *others[:1]), (*others[:1], first)) if op == "mul" and others else ():
            sign = self._unwrapped(sign)
            if isinstance(m, Node) and isinstance(sign, Node) and self.facts.op[sign] in SIGNS:
                return m, self._unwrapped(sign.args[0])
        return (first, self._unwrapped(others[0])) if op == "copysign" and isinstance(first, Node) else None

    def _absolute(self, node: Node, origin: str | None) -> Any:
        """x of a clipped |x|; None for what is no clipped magnitude."""
        while bounds(node) and len(self.facts.data(node, origin)) == 1:
            (node,) = self.facts.data(node, origin)
        return self._unwrapped(node.args[0]) if self.facts.op[node] == "abs" else None

    def _pair(self, region: Region) -> Iterator[Wanted]:
        """An offset taken off before and put back after, or an outer scale undone."""
        reader = self._inner_reader(region.exit)
        if reader is None:
            return
        for affine in (self.facts.scale, self.facts.shift):
            before, after = affine(region.entry, region.origin), affine(reader, region.origin)
            if before is not None and after is not None and before.undone_by(after):
                yield reader, {*region.nodes, region.entry}

    def _module(self, region: Region) -> Iterator[Wanted]:
        """The next op of a module that holds quantizer ops only, after the region or before it."""
        scope = self.facts.scope(region.seed)
        if scope is None:
            return
        reader = self._inner_reader(region.exit)
        if (
            reader is not None
            and self.facts.scope(reader) == scope
            and len(self.facts.data(reader, region.origin)) == 1
        ):
            yield reader, region.nodes
        if self.facts.is_inner(region.entry) and self.facts.scope(region.entry) == scope:
            yield region.exit, {*region.nodes, region.entry}

    def _inner_reader(self, node: Node) -> Node | None:
        reader = self._only_reader(node)
        return reader if reader is not None and self.facts.is_inner(reader) else None

    def _only_reader(self, node: Node) -> Node | None:
        readers = self.facts.readers(node)
        return readers[0] if len(readers) == 1 else None
