"""Why members belong together: for one unit of each group, a spanning tree of the ties between its members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order

from geta_engine.documents.qadg import Link
from geta_engine.qadg.grouping.components import Components
from geta_engine.qadg.labels.space import LabelSpace


def link_members(
    space: LabelSpace,
    all_components: Components,
    components: NDArray[np.int64],
    members: Sequence[list[tuple[int, int]]],
) -> list[tuple[Link, ...]]:
    """Links that connect the members of each group, given one component of each and its (label, member number) pairs.

    One breadth-first walk over the ties of these components, begun at the first member of each, so that every label is
    reached by a shortest chain; a link holds the ops between a member and the nearest one before it on that chain.
    """
    starts = [labels[0][0] for labels in members if labels]
    walk = _Walk(space, all_components, components, starts)
    return [_links(walk, labels) for labels in members]


class _Walk:
    """`came(label)` is the label it was reached from and the op that ties the two; None at a start."""

    def __init__(
        self, space: LabelSpace, all_components: Components, components: NDArray[np.int64], starts: list[int]
    ) -> None:
        self._names = [tie[2] for tie in space.ties]
        left, right, tie = _ties_within(space, all_components, components)
        self._labels = np.unique(np.concatenate([left, right, np.array(starts, np.int64)]))
        root, count = len(self._labels), len(self._labels) + 1
        a, b = (np.searchsorted(self._labels, side) for side in (left, right))
        begin = np.searchsorted(self._labels, starts)
        rows = np.concatenate([a, b, np.full(len(begin), root)])
        columns = np.concatenate([b, a, begin])
        data = np.concatenate([tie, tie, np.zeros(len(begin), tie.dtype)]) + 1
        keys, first = np.unique(rows * count + columns, return_index=True)
        graph = csr_matrix((data[first], (keys // count, keys % count)), shape=(count, count))
        order, before = breadth_first_order(graph, root, return_predecessors=True)
        self._before = before
        reached = order[1:]
        at = np.searchsorted(keys, before[reached].astype(np.int64) * count + reached)
        self._tie = np.zeros(count, np.int64)
        self._tie[reached] = data[first][at] - 1
        self._root = root

    def came(self, label: int) -> tuple[int, str] | None:
        at = int(np.searchsorted(self._labels, label))
        before = int(self._before[at])
        if before < 0 or before == self._root:
            return None
        return int(self._labels[before]), self._names[self._tie[at]]


def _ties_within(
    space: LabelSpace, all_components: Components, components: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Both ends, and the number, of every tie between labels of the given components."""
    if not space.ties:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    wanted = np.zeros(all_components.count, bool)
    wanted[components] = True
    left = np.concatenate([tie[0] for tie in space.ties])
    chosen = np.flatnonzero(wanted[all_components.of[left]])
    right = np.concatenate([tie[1] for tie in space.ties])[chosen]
    lengths = [len(tie[0]) for tie in space.ties]
    tie = np.searchsorted(np.cumsum(lengths), chosen, "right")
    return left[chosen].astype(np.int64), right.astype(np.int64), tie


def _links(walk: _Walk, labels: list[tuple[int, int]]) -> tuple[Link, ...]:
    member_of: dict[int, int] = {}
    for label, member in labels:
        member_of.setdefault(label, member)
    links: dict[int, Link] = {}
    for label, member in labels[1:]:
        if member not in links and member != labels[0][1] and (link := _back(walk, label, member, member_of)):
            links[member] = link
    return tuple(links.values())


def _back(walk: _Walk, label: int, member: int, member_of: dict[int, int]) -> Link | None:
    ops: list[str] = []
    while (step := walk.came(label)) is not None:
        label, node = step
        if node and (not ops or ops[-1] != node):
            ops.append(node)
        before = member_of.get(label)
        if before is not None and before != member:
            return Link(before, member, tuple(reversed(ops)))
    return None
