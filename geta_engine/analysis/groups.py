"""Groups of units in an analysis: which of them owns a tensor, and what goes with one unit."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from geta_engine.cost.layers import LayerCost
from geta_engine.documents.analysis import GroupDocument
from geta_engine.documents.qadg import Block, Group, Member, Qadg

ParameterShapes = Mapping[str, Sequence[int]]
"""Shapes of parameters and buffers by name."""


class GroupOwners:
    """Which group the indices of each traced tensor belong to."""

    def __init__(self, qadg: Qadg) -> None:
        self._blocks = qadg.blocks
        self._group_of_unit = np.full(qadg.total_units + 1, -1)  # the last one stands for "no unit", -1
        for group in qadg.groups:
            self._group_of_unit[group.first_unit : group.first_unit + group.size] = group.id

    def main_group(self, node: str, dim: int | None = None) -> int | None:
        """The group that most indices of a tensor belong to (on one dim, when given); None where none does."""
        blocks = [b for b in self._blocks.get(node, ()) if isinstance(b, Block) and (dim is None or dim in b.dims)]
        ids = np.concatenate([self._group_of_unit[b.units].ravel() for b in blocks]) if blocks else np.zeros(0, int)
        ids = ids[ids >= 0]
        return int(np.bincount(ids).argmax()) if len(ids) else None


def group_document(group: Group, layers: Iterable[LayerCost], shapes: ParameterShapes) -> GroupDocument:
    """One group as plain data."""
    return {
        "id": group.id,
        "name": group.name,
        "size": group.size,
        "prunable": group.prunable,
        "reason": group.reason,
        "members": [
            {
                "parameter": member.parameter,
                "dim": member.dim,
                "role": member.role,
                "per_unit": int(member.index.shape[1]),
                "shape": shapes[member.parameter],
            }
            for member in group.members
        ],
        "via": list(group.via),
        "links": [{"before": link.before, "after": link.after, "ops": list(link.ops)} for link in group.links],
        "unit_params": _unit_params(group, shapes),
        "unit_macs": _unit_macs(group, layers, shapes),
    }


def _unit_params(group: Group, shapes: ParameterShapes) -> int:
    """Parameters that go with one unit; those shared with other units of the group count once."""
    members_of: dict[str, list[Member]] = defaultdict(list)
    for member in group.members:
        if member.role != "statistic":
            members_of[member.parameter].append(member)
    total = 0
    for parameter, members in members_of.items():
        remaining = list(shapes[parameter])
        for member in members:
            remaining[member.dim] -= member.index.shape[1]
        total += math.prod(shapes[parameter]) - math.prod(remaining)
    return total


def _unit_macs(group: Group, layers: Iterable[LayerCost], shapes: ParameterShapes) -> int:
    """Multiply-adds that go with one unit while everything else stays."""
    per_unit = {(member.parameter, member.dim): member.index.shape[1] for member in group.members}
    total = 0.0
    for layer in layers:
        if layer.weight is None:
            continue
        shape = shapes[layer.weight]
        remaining = math.prod(1 - per_unit.get((layer.weight, dim), 0) / size for dim, size in enumerate(shape))
        total += layer.macs * (1 - remaining)
    return round(total)
