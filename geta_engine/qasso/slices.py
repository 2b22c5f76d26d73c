"""Producer slices of units as index tensors: sums over units without a loop over channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from geta_engine.graph.model import Qadg


@dataclass(frozen=True)
class Slices:
    """`unit[i]` is the candidate unit that owns index i of `parameter` along `dim`, or `units` where none does.

    `shape` makes a vector over `dim` broadcast against the parameter.
    """

    parameter: int
    dim: int
    unit: Tensor
    shape: tuple[int, ...]


class UnitSlices:
    """The producer slices of all prunable units (numbered 0 .. units - 1 in run order) over a list of parameters."""

    def __init__(self, qadg: Qadg, parameters: Mapping[str, nn.Parameter]) -> None:
        self.names = list(parameters)
        self.units = qadg.prunable_units
        order = {name: i for i, name in enumerate(self.names)}
        owners: dict[tuple[int, int], np.ndarray] = {}
        first = 0
        groups = []
        for number, group in enumerate(qadg.prunable):
            groups.append(np.full(group.size, number))
            for member in group.members:
                if member.role != "producer":
                    continue
                key = (order[member.parameter], member.dim)
                size = parameters[member.parameter].shape[member.dim]
                owner = owners.setdefault(key, np.full(size, self.units))
                owner[member.index] = (first + np.arange(group.size))[:, None]
            first += group.size
        ranks = [parameter.ndim for parameter in parameters.values()]
        self.slices = [
            Slices(p, dim, torch.from_numpy(owner), tuple(-1 if d == dim else 1 for d in range(ranks[p])))
            for (p, dim), owner in sorted(owners.items())
        ]
        self.group = torch.from_numpy(np.concatenate(groups) if groups else np.zeros(0, np.int64))
        self.sizes = torch.tensor([group.size for group in qadg.prunable], dtype=torch.long)
        self.numbers = self.sum_over_units([torch.ones_like(p) for p in parameters.values()])

    def sum_over_units(self, tensors: Sequence[Tensor]) -> Tensor:
        """Sum of each unit's producer entries of tensors shaped like the parameters. Shape [units], float32."""
        total = torch.zeros(self.units + 1)
        for part in self.slices:
            tensor = tensors[part.parameter].detach()
            other = [d for d in range(tensor.ndim) if d != part.dim]
            rows = tensor.sum(dim=other) if other else tensor
            total.index_add_(0, part.unit, rows.float())
        return total[:-1]

    def masks(self, chosen: Tensor) -> dict[int, Tensor]:
        """parameter -> mask of the producer entries of the chosen units, broadcastable to it, for those that have any.

        `chosen` is a bool tensor of shape [units].
        """
        padded = torch.cat([chosen, chosen.new_zeros(1)])
        found: dict[int, Tensor] = {}
        for part in self.slices:
            mask = padded[part.unit].reshape(part.shape)
            found[part.parameter] = found[part.parameter] | mask if part.parameter in found else mask
        return {parameter: mask for parameter, mask in found.items() if bool(mask.any())}
