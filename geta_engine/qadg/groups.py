"""Units -> groups: units with the same signature - the same (parameter, dim) members - form one group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geta_engine.graph.model import Block, Group, Member, Role
from geta_engine.qadg.propagate import Propagated, Source
from geta_engine.qadg.space import Value
from geta_engine.qadg.units import Components, mark

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Grouped:
    """`unit_of[component]` is a component's global unit number, -1 where it is no unit."""

    groups: tuple[Group, ...]
    unit_of: NDArray[np.int32]


@dataclass(frozen=True)
class _Rows:
    """One row for each index of each parameter dim that belongs to a unit."""

    component: NDArray[np.int32]
    source: NDArray[np.int32]
    position: NDArray[np.int64]
    label: NDArray[np.int64]


def group_units(propagated: Propagated, found: Components) -> Grouped:
    """Number the units group by group; groups are ordered by their first label in program order."""
    produced = mark(propagated.space.count, propagated.space.produced)
    is_unit = np.zeros(found.count, bool)
    is_unit[found.of[_parameter_labels(propagated, produced)]] = True
    rows = _rows(propagated, found, is_unit)
    signature = _signatures(rows, found)
    units = np.flatnonzero(is_unit)
    first_label = np.full(found.count, np.iinfo(np.int64).max)
    np.minimum.at(first_label, rows.component, rows.label)
    units = units[np.argsort(first_label[units], kind="stable")]
    batches = _by_signature(signature[units])

    unit_of = np.full(found.count, -1, np.int32)
    groups, start = [], 0
    for number, batch in enumerate(batches, start=1):
        own = units[batch]
        unit_of[own] = np.arange(start, start + len(own))
        reason_index = found.reason[own[0]]
        reason = found.reasons[reason_index] if reason_index >= 0 else None
        members = _members(propagated, rows, own, produced)
        name = _group_name(members)
        if reason is None and len(own) == 1:
            reason = f"it has a single unit, and `{name}` must keep at least one"
        via = _chain(propagated, found, own[0])
        groups.append(Group(number, name, len(own), start, reason is None, reason, members, via))
        start += len(own)
    return Grouped(tuple(groups), unit_of)


def _parameter_labels(propagated: Propagated, produced: NDArray[np.bool_]) -> NDArray[np.int64]:
    is_parameter = np.zeros(propagated.space.count, bool)
    for source in propagated.sources:
        is_parameter[source.start : source.start + source.size] = source.parameter
    return np.flatnonzero(is_parameter & produced)


def _rows(propagated: Propagated, found: Components, is_unit: NDArray[np.bool_]) -> _Rows:
    labels = [np.arange(s.start, s.start + s.size) for s in propagated.sources]
    if not labels:
        empty = np.zeros(0, np.int64)
        return _Rows(empty.astype(np.int32), empty.astype(np.int32), empty, empty)
    label = np.concatenate(labels)
    source = np.repeat(np.arange(len(labels), dtype=np.int32), [s.size for s in propagated.sources])
    position = label - np.array([s.start for s in propagated.sources])[source]
    component = found.of[label]
    keep = is_unit[component]
    return _Rows(component[keep], source[keep], position[keep], label[keep])


def _signatures(rows: _Rows, found: Components) -> NDArray[np.uint64]:
    """A 64-bit hash a component: over its (source, count) pairs, and over the reason that pins it."""
    width = int(rows.source.max()) + 1 if len(rows.source) else 1
    pair, count = np.unique(rows.component.astype(np.int64) * width + rows.source, return_counts=True)
    hashed = _scramble((pair % width).astype(np.uint64) * np.uint64(1_000_003) + count.astype(np.uint64))
    signature = _scramble((found.reason.astype(np.int64) + 2).astype(np.uint64))
    np.add.at(signature, pair // width, hashed)
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
    propagated: Propagated, rows: _Rows, own: NDArray[np.int64], produced: NDArray[np.bool_]
) -> tuple[Member, ...]:
    rank = np.full(int(rows.component.max()) + 1, -1)
    rank[own] = np.arange(len(own))
    mine = rank[rows.component] >= 0
    unit, source, position, label = rank[rows.component[mine]], rows.source[mine], rows.position[mine], rows.label[mine]
    members = []
    for index in np.unique(source):
        here = source == index
        order = np.lexsort((position[here], unit[here]))
        table = position[here][order].reshape(len(own), -1)
        origin = propagated.sources[index]
        members.append(Member(origin.name, origin.dim, _role(origin, produced[label[here]]), table))
    return tuple(members)


def _role(source: Source, produced: NDArray[np.bool_]) -> Role:
    if not source.parameter:
        return "statistic"
    return "producer" if produced.any() else "consumer"


def _group_name(members: tuple[Member, ...]) -> str:
    first = next((m for m in members if m.role == "producer"), members[0])
    return first.parameter.rpartition(".")[0] or first.parameter


def _chain(propagated: Propagated, found: Components, component: int) -> tuple[str, ...]:
    """Nodes that carry or tie one unit of the group, in program order."""
    tying = {node for a, _, node in propagated.space.ties if node and (found.of[a] == component).any()}
    return tuple(
        node.name
        for node, value in propagated.values.items()
        if node.op == "call_function" and (node.name in tying or _carries(value, found, component))
    )


def _carries(values: object, found: Components, component: int) -> bool:
    parts = values if isinstance(values, tuple) else (values,)
    return any(
        isinstance(v, Value) and any((found.of[axes.labels] == component).any() for axes in v.axes) for v in parts
    )


def blocks_of(values: object, found: Components, unit_of: NDArray[np.int32]) -> tuple[Block, ...]:
    """The labels of one tensor as unit numbers."""
    assert isinstance(values, Value)
    return tuple(Block(axes.dims, unit_of[found.of[axes.labels]]) for axes in values.axes)
