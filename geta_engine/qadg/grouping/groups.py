"""Units -> groups: units with the same signature - the same (parameter, dim) members - form one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geta_engine.documents.qadg import Block, Group, Member, Role
from geta_engine.qadg.grouping.components import Components, mark
from geta_engine.qadg.grouping.links import link_members
from geta_engine.qadg.labels.space import Labels, Value
from geta_engine.qadg.propagate import Propagated, Source

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Grouped:
    """`unit_of[component]` is a component's global unit number, -1 where it is no unit."""

    groups: tuple[Group, ...]
    unit_of: NDArray[np.int32]


@dataclass(frozen=True)
class _IndexRows:
    """One row for each index of each parameter dim that belongs to a unit, sorted by component, source and position.

    `first[c]` and `count[c]` say where a component's rows are.
    """

    component: NDArray[np.int32]
    source: NDArray[np.int32]
    position: NDArray[np.int64]
    label: NDArray[np.int64]

    first: NDArray[np.int64]
    count: NDArray[np.int64]


def group_units(propagated: Propagated, components: Components) -> Grouped:
    """Number the units group by group; groups are ordered by their first label in program order."""
    produced = mark(propagated.space.count, propagated.space.produced)
    is_unit = np.zeros(components.count, bool)
    is_unit[components.of[_parameter_labels(propagated, produced)]] = True
    rows = _rows(propagated, components, is_unit)
    signature = _signatures(rows, components, propagated.space.parts)
    first_label = np.full(components.count, np.iinfo(np.int64).max)
    np.minimum.at(first_label, rows.component, rows.label)
    units = np.flatnonzero(is_unit)
    units = units[np.argsort(first_label[units], kind="stable")]
    batches = [units[batch] for batch in _by_signature(signature[units])]
    firsts = np.array([batch[0] for batch in batches], np.int64)
    via = _via(propagated, components, firsts)

    unit_of = np.full(components.count, -1, np.int32)
    groups: list[Group] = []
    labelled: list[list[tuple[int, int]]] = []
    start = 0
    for number, batch in enumerate(batches, start=1):
        unit_of[batch] = np.arange(start, start + len(batch))
        reason_index = components.reason[batch[0]]
        reason = components.reasons[reason_index] if reason_index >= 0 else None
        members, labels = _members(propagated, rows, batch, produced)
        name = _group_name(members)
        if reason is None and len(batch) == 1:
            reason = f"it has a single unit, and `{name}` must keep at least one"
        groups.append(Group(number, name, len(batch), start, reason is None, reason, members, via[number - 1]))
        labelled.append(labels)
        start += len(batch)
    linked = link_members(propagated.space, components, firsts, labelled)
    return Grouped(tuple(replace(group, links=links) for group, links in zip(groups, linked)), unit_of)


def _parameter_labels(propagated: Propagated, produced: NDArray[np.bool_]) -> NDArray[np.int64]:
    is_parameter = np.zeros(propagated.space.count, bool)
    for source in propagated.sources:
        is_parameter[source.start : source.start + source.size] = source.parameter
    return np.flatnonzero(is_parameter & produced)


def _rows(propagated: Propagated, components: Components, is_unit: NDArray[np.bool_]) -> _IndexRows:
    labels = [np.arange(s.start, s.start + s.size) for s in propagated.sources]
    if not labels:
        empty = np.zeros(0, np.int64)
        return _IndexRows(empty.astype(np.int32), empty.astype(np.int32), empty, empty, empty, empty)
    label = np.concatenate(labels)
    source = np.repeat(np.arange(len(labels), dtype=np.int32), [s.size for s in propagated.sources])
    position = label - np.array([s.start for s in propagated.sources])[source]
    component = components.of[label]
    keep = np.flatnonzero(is_unit[component])
    order = keep[np.argsort(component[keep], kind="stable")]
    count = np.bincount(component[order], minlength=components.count)
    return _IndexRows(component[order], source[order], position[order], label[order], np.cumsum(count) - count, count)


def _signatures(rows: _IndexRows, components: Components, parts: Sequence[Labels]) -> NDArray[np.uint64]:
    """A 64-bit hash a component: over the sources of its rows, the parts it is in, and the reason that pins it.

    Hashes of rows are added up, so that how often a source occurs counts and its place does not.
    """
    signature = _scramble((components.reason.astype(np.int64) + 2).astype(np.uint64))
    if len(rows.component):
        hashed = _scramble(rows.source.astype(np.uint64) + np.uint64(1_000_003))
        starts = np.flatnonzero(np.diff(rows.component, prepend=-1))
        signature[rows.component[starts]] += np.add.reduceat(hashed, starts)
    for number, labels in enumerate(parts, start=2_000_003):
        signature[np.unique(components.of[labels])] += _scramble(np.array([number], np.uint64))
    return signature


def _scramble(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (values + np.uint64(1)) * _MIX
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))


def _by_signature(signature: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    """Positions of equal signatures, batches ordered by their first position."""
    _, first, inverse = np.unique(signature, return_index=True, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    batches = np.split(order, np.cumsum(np.bincount(inverse))[:-1]) if len(order) else []
    return [batches[i] for i in np.argsort(first)]


def _members(
    propagated: Propagated, rows: _IndexRows, batch: NDArray[np.int64], produced: NDArray[np.bool_]
) -> tuple[tuple[Member, ...], list[tuple[int, int]]]:
    """Members of a group, and of its first unit the labels with the number of their member.

    Units of a group have the same sources the same number of times, so rows of all units make a table.
    """
    table = rows.first[batch][:, None] + np.arange(rows.count[batch[0]])
    source = rows.source[table[0]]
    members, labels = [], []
    for index in np.unique(source):
        columns = table[:, source == index]
        origin = propagated.sources[index]
        label = rows.label[columns]
        members.append(Member(origin.name, origin.dim, _role(origin, produced[label]), rows.position[columns]))
        labels += [(one, len(members) - 1) for one in label[0].tolist()]
    return tuple(members), labels


def _role(source: Source, produced: NDArray[np.bool_]) -> Role:
    if not source.parameter:
        return "statistic"
    return "producer" if produced.any() else "consumer"


def _group_name(members: tuple[Member, ...]) -> str:
    first = next((m for m in members if m.role == "producer"), members[0])
    return first.parameter.rpartition(".")[0] or first.parameter


def _via(propagated: Propagated, components: Components, firsts: NDArray[np.int64]) -> list[tuple[str, ...]]:
    """For each group, the nodes whose tensors carry its first unit, in program order."""
    rank = np.full(components.count, -1, np.int32)
    rank[firsts] = np.arange(len(firsts))
    group_of = rank[components.of]
    seen: dict[int, NDArray[np.int32]] = {}
    via: list[list[str]] = [[] for _ in firsts]
    for node, values in propagated.values.items():
        if node.op != "call_function":
            continue
        carried: set[int] = set()
        for value in values if isinstance(values, tuple) else (values,):
            for axes in value.axes if value is not None else ():
                carried.update(_groups_in(axes.labels, group_of, seen))
        for group in carried:
            via[group].append(node.name)
    return [tuple(names) for names in via]


def _groups_in(labels: Labels, group_of: NDArray[np.int32], seen: dict[int, NDArray[np.int32]]) -> list[int]:
    if id(labels) not in seen:
        groups = group_of[labels].ravel()
        seen[id(labels)] = np.unique(groups[groups >= 0])
    return seen[id(labels)].tolist()


class Blocks:
    """Labels of tensors as unit numbers; tensors that share labels share the result."""

    def __init__(self, components: Components, unit_of: NDArray[np.int32]) -> None:
        self._unit = unit_of[components.of]
        self._cached: dict[int, NDArray[np.int32]] = {}

    def of(self, value: Value) -> tuple[Block, ...]:
        return tuple(Block(axes.dims, self._units(axes.labels)) for axes in value.axes)

    def _units(self, labels: Labels) -> NDArray[np.int32]:
        if id(labels) not in self._cached:
            self._cached[id(labels)] = self._unit[labels]
        return self._cached[id(labels)]
