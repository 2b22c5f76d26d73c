"""Why members belong together: for one unit of each group, a spanning tree of the ties between its members."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from geta_engine.graph.model import Link
from geta_engine.qadg.space import LabelSpace
from geta_engine.qadg.units import Components

_Neighbours = dict[int, list[tuple[int, str]]]


def neighbours_of_units(
    space: LabelSpace, found: Components, components: NDArray[np.int64]
) -> Mapping[int, _Neighbours]:
    """component -> label -> (tied label, node) for the given components, one pass over all ties."""
    wanted = np.zeros(found.count, bool)
    wanted[components] = True
    graphs: dict[int, _Neighbours] = defaultdict(lambda: defaultdict(list))
    if not space.ties:
        return graphs
    lengths = [len(tie[0]) for tie in space.ties]
    left = np.concatenate([tie[0] for tie in space.ties])
    right = np.concatenate([tie[1] for tie in space.ties])
    owner = np.repeat(np.arange(len(lengths)), lengths)
    chosen = np.flatnonzero(wanted[found.of[left]] & (left != right))
    for a, b, tie in zip(left[chosen].tolist(), right[chosen].tolist(), owner[chosen].tolist()):
        graph = graphs[int(found.of[a])]
        graph[a].append((b, space.ties[tie][2]))
        graph[b].append((a, space.ties[tie][2]))
    return graphs


def link_members(graph: _Neighbours, members: list[tuple[int, int]]) -> tuple[Link, ...]:
    """Links that connect the members; `members` are (label, member number) in order.

    Breadth first from the first member, so that each is reached by a shortest chain of ties; a link holds the ops
    between a member and the nearest one before it on that chain.
    """
    if not members:
        return ()
    member_of: dict[int, int] = {}
    for label, member in members:
        member_of.setdefault(label, member)
    start = members[0][0]
    came: dict[int, tuple[int, str]] = {start: (start, "")}
    waiting = deque([start])
    links: list[Link] = []
    reached = {members[0][1]}
    while waiting:
        label = waiting.popleft()
        for other, node in graph.get(label, ()):
            if other in came:
                continue
            came[other] = (label, node)
            waiting.append(other)
            member = member_of.get(other)
            if member is not None and member not in reached:
                reached.add(member)
                links.append(_back_to_member(other, member, came, member_of))
    return tuple(links)


def _back_to_member(label: int, member: int, came: dict[int, tuple[int, str]], member_of: dict[int, int]) -> Link:
    ops: list[str] = []
    while True:
        label, node = came[label]
        if node and (not ops or ops[-1] != node):
            ops.append(node)
        before = member_of.get(label)
        if before is not None and before != member:
            return Link(before, member, tuple(reversed(ops)))
        if came[label][0] == label:
            return Link(before if before is not None else member, member, tuple(reversed(ops)))
