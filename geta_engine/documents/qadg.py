"""The quantization-aware dependency graph as plain data: numpy arrays and strings, no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from geta_engine.documents.analysis import BranchKind, LinkDocument, PinnedOp, QuantizerKind

Role = Literal["producer", "consumer", "statistic"]
"""producer: its slices are set to zero with the unit; consumer: reads the unit's zeros; statistic: only cut."""


@dataclass(frozen=True)
class Block:
    """Labels over some dims of a tensor, jointly.

    `units[i, j, ...]` (one axis a dim of `dims`, in order) is the unit whose removal takes this index along; -1 where
    nothing that can be removed is. A tensor has one block for each set of dims that are labelled together.
    """

    dims: tuple[int, ...]
    units: NDArray[np.int32]


@dataclass(frozen=True)
class Member:
    """Slices of one parameter (or buffer) that go with a group's units.

    `index` has shape [units, k]: row u lists the k indices along `dim` that unit u owns.
    """

    parameter: str
    dim: int
    role: Role
    index: NDArray[np.int64]


@dataclass(frozen=True)
class Link:
    """Two members of a group that ops tie together: `ops` are traced nodes, from `before` to `after`."""

    before: int
    after: int
    ops: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Units of the same make. `first_unit` is the global number of unit 0; a group's units are consecutive.

    `reason` says in plain words why the group cannot be pruned (None when it can); `via` names the traced nodes whose
    tensors carry it, in program order; `links` (member numbers and ops) connect all members to one another.
    """

    id: int
    name: str
    size: int
    first_unit: int
    prunable: bool
    reason: str | None
    members: tuple[Member, ...]
    via: tuple[str, ...]
    links: tuple[Link, ...] = ()

    def chain(self, one: int, other: int) -> tuple[str, ...]:
        """The traced nodes that tie member number `one` to member number `other`, in order from `one`.

        Raises IndexError for a number that is no member.
        """
        if not (0 <= one < len(self.members) and 0 <= other < len(self.members)):
            raise IndexError(f"group {self.id} has members 0 to {len(self.members) - 1}, and {one}, {other} were given")
        up = {link.after: link for link in self.links}
        paths = []
        for member in (one, other):
            path: list[Link] = []
            while member in up:
                path.append(up[member])
                member = up[member].before
            paths.append(path)
        left, right = paths
        while left and right and left[-1] is right[-1]:
            left.pop()
            right.pop()
        backwards = [op for link in left for op in reversed(link.ops)]
        return tuple(backwards + [op for link in reversed(right) for op in link.ops])


@dataclass(frozen=True)
class Quantizer:
    """One quantized tensor: a layer's weight, or the tensor that enters one or more layers.

    `source` is the traced node whose output is quantized, `readers` the nodes that read it quantized. `reads[i]` is
    what `readers[i]` reads in the traced program: `source`, or the end of a branch that quantizes it there already.
    `unsigned`: the graph proves that the tensor is never negative.
    """

    id: str
    layer: str
    kind: QuantizerKind
    source: str
    readers: tuple[str, ...]
    reads: tuple[str, ...]
    unsigned: bool = False


@dataclass(frozen=True)
class Branch:
    """One quantizer of a traced program: the ops between a tensor and what reads it quantized.

    See docs/method.md, section 3.1.
    kind: "attached" (parameter -> ops -> layer) or "inserted" (producer -> ops -> consumers).
    source, result: the nodes before and after quantization, of equal shape. nodes: the ops in program order, `result`
    among them, `source` not. readers: the nodes outside that read `result`.
    parameters: dotted names of the quantizer's own parameters and buffers.
    layer: module path of the first reader, or of the producer where only the model's output reads it.
    per_channel: (get_attr node, dim of the source that the parameter's one long dim runs along).
    scalars: nodes that only prepare the parameters of branches (get_attr, unbind, neg ...), those of `per_channel`
    left out. Branches may share them.
    keeps_zero: whether 0 is quantized to 0 whatever the parameters are, and other values alike with zeros cut out. If
    not, cutting zeroed channels out of the source is not exact.
    """

    kind: BranchKind
    source: str
    result: str
    nodes: tuple[str, ...]
    parameters: tuple[str, ...]
    layer: str
    readers: tuple[str, ...]
    per_channel: tuple[tuple[str, int], ...]
    scalars: tuple[str, ...]
    keeps_zero: bool


class MemberSummary(TypedDict):
    """A member without its index array."""

    parameter: str
    dim: int
    role: Role
    per_unit: int  # indices along `dim` for each unit


class GroupSummary(TypedDict):
    """A group without index arrays."""

    id: int
    name: str
    size: int
    prunable: bool
    reason: str | None
    members: Sequence[MemberSummary]
    via: Sequence[str]
    links: Sequence[LinkDocument]


class QuantizerSummary(TypedDict):
    """What tells one quantizer from another."""

    id: str
    layer: str
    kind: QuantizerKind


class BranchSummary(TypedDict):
    """The fields of `Branch`."""

    kind: BranchKind
    source: str
    result: str
    nodes: Sequence[str]
    parameters: Sequence[str]
    layer: str
    readers: Sequence[str]
    per_channel: Sequence[tuple[str, int]]
    scalars: Sequence[str]
    keeps_zero: bool


class QadgDocument(TypedDict):
    """A `Qadg` as `to_json` writes it."""

    nodes: int
    edges: int
    groups: Sequence[GroupSummary]
    quantizers: Sequence[QuantizerSummary]
    branches: Sequence[BranchSummary]
    prunable_units: int
    total_units: int
    max_zero_units: int
    pinned_ops: Sequence[PinnedOp]


@dataclass(frozen=True)
class Qadg:
    """The result of `analyze`: groups, quantizers, and the unit that owns each index of each traced tensor.

    `branches` are the quantizers that the traced program had already, folded for the analysis.

    `blocks` maps traced node names to the blocks of their output (a list per output for nodes with several);
    unit numbers in it run over all groups, prunable or not.
    """

    groups: tuple[Group, ...]
    quantizers: tuple[Quantizer, ...]
    pinned_ops: Mapping[str, int]
    blocks: Mapping[str, tuple[Block, ...] | tuple[tuple[Block, ...], ...]] = field(repr=False)
    nodes: int = 0
    edges: int = 0
    branches: tuple[Branch, ...] = ()

    @property
    def prunable(self) -> tuple[Group, ...]:
        """The groups that can be pruned, by id."""
        return tuple(group for group in self.groups if group.prunable)

    @property
    def prunable_units(self) -> int:
        """|G|: how many units may be removed at all, before each group keeps one."""
        return sum(group.size for group in self.prunable)

    @property
    def total_units(self) -> int:
        return sum(group.size for group in self.groups)

    @property
    def max_zero_units(self) -> int:
        """The largest K that can be reached: every group keeps at least one unit."""
        return sum(group.size - 1 for group in self.prunable)

    def candidate_units(self) -> NDArray[np.int64]:
        """Global numbers of the prunable units in run order: by group id, then unit. Shape [prunable_units]."""
        spans = [np.arange(group.first_unit, group.first_unit + group.size) for group in self.prunable]
        return np.concatenate(spans) if spans else np.zeros(0, np.int64)

    def to_json(self) -> str:
        """Groups, quantizers and counts as JSON text (without the index arrays)."""
        return json.dumps(self.to_dict(), indent=1)

    def to_dict(self) -> QadgDocument:
        """Groups, quantizers, branches and counts as plain data, without the index arrays."""
        return {
            "nodes": self.nodes,
            "edges": self.edges,
            "groups": [_group_document(group) for group in self.groups],
            "quantizers": [{"id": q.id, "layer": q.layer, "kind": q.kind} for q in self.quantizers],
            "branches": [_branch_document(branch) for branch in self.branches],
            "prunable_units": self.prunable_units,
            "total_units": self.total_units,
            "max_zero_units": self.max_zero_units,
            "pinned_ops": [{"op": op, "count": count} for op, count in sorted(self.pinned_ops.items())],
        }

    def to_dot(self) -> str:
        """Groups and the parameters they tie as Graphviz text."""
        lines = ["graph qadg {", "  node [shape=box, fontname=Helvetica];"]
        for group in self.groups:
            lines.append(f'  g{group.id} [label="g{group.id} · {group.size} units", shape=ellipse];')
            lines += [
                f"  g{group.id} -- {json.dumps(member.parameter)} [label={member.dim}];" for member in group.members
            ]
        return "\n".join([*lines, "}"])


def _group_document(group: Group) -> GroupSummary:
    return {
        "id": group.id,
        "name": group.name,
        "size": group.size,
        "prunable": group.prunable,
        "reason": group.reason,
        "members": [
            {"parameter": m.parameter, "dim": m.dim, "role": m.role, "per_unit": int(m.index.shape[1])}
            for m in group.members
        ],
        "via": list(group.via),
        "links": [{"before": link.before, "after": link.after, "ops": list(link.ops)} for link in group.links],
    }


def _branch_document(branch: Branch) -> BranchSummary:
    return {
        "kind": branch.kind,
        "source": branch.source,
        "result": branch.result,
        "nodes": branch.nodes,
        "parameters": branch.parameters,
        "layer": branch.layer,
        "readers": branch.readers,
        "per_channel": branch.per_channel,
        "scalars": branch.scalars,
        "keeps_zero": branch.keeps_zero,
    }
