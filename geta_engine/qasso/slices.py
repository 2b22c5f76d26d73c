"""Producer slices of units as index tensors: sums over units and choices of units without a loop over channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geta_engine.documents.qadg import Qadg


@dataclass(frozen=True)
class Slices:
    """`unit[i]` is the candidate unit that owns index i of `parameter` along `dim`, or `units` where none does."""

    parameter: int
    dim: int
    unit: Tensor


_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class IndexSlice:
    """Indices `index` of `parameter` along `dim`."""

    parameter: int
    dim: int
    index: Tensor

    def empty_buffer(self, tensors: Sequence[Tensor]) -> Tensor:
        """An array for `read`, of the shape the entries have."""
        tensor = tensors[self.parameter]
        return tensor.new_empty([len(self.index) if d == self.dim else n for d, n in enumerate(tensor.shape)])

    def read(self, tensors: Sequence[Tensor], buffer: Tensor) -> Tensor:
        """The entries, written to `buffer`. Columns are scattered in memory: there `gather` uses all threads."""
        tensor = tensors[self.parameter].detach()
        if self.dim == 0:
            return torch.index_select(tensor, 0, self.index, out=buffer)
        return torch.gather(tensor, self.dim, self._along(self.index, tensor.ndim).expand(buffer.shape), out=buffer)

    def subtract(self, tensors: Sequence[Tensor], values: Tensor) -> None:
        tensor = tensors[self.parameter]
        tensor.index_add_(self.dim, self.index, values.to(tensor.dtype), alpha=-1)

    def scale(self, tensors: Sequence[Tensor], values: Tensor, factor: Tensor) -> None:
        """The entries, which are `values`, times `factor`. For columns a pass over all of it is cheaper."""
        tensor = tensors[self.parameter]
        factor = factor.to(tensor.dtype)
        if self.dim == 0:
            tensor.index_copy_(0, self.index, values * factor)
        else:
            factors = tensor.new_ones(tensor.shape[self.dim]).index_put_((self.index,), factor)
            tensor.mul_(self._along(factors, tensor.ndim))

    def clear(self, tensors: Sequence[Tensor]) -> None:
        """Set the entries to 0, whatever they are, by a mask on their bits: one even pass over memory."""
        tensor = tensors[self.parameter]
        bits = tensor.view(_BITS[tensor.element_size()])
        keep = bits.new_full((tensor.shape[self.dim],), -1).index_fill_(0, self.index, 0)
        bits.bitwise_and_(self._along(keep, tensor.ndim))

    def _along(self, vector: Tensor, ndim: int) -> Tensor:
        """A vector over the dim, to be broadcast against the parameter."""
        return vector.view([-1 if d == self.dim else 1 for d in range(ndim)])


@dataclass(frozen=True)
class FlatIndex:
    """Flat (row-major) indices `index` of `parameter`, each once: what rows along several dims have in all."""

    parameter: int
    index: Tensor

    def empty_buffer(self, tensors: Sequence[Tensor]) -> Tensor:
        """An array for `read`."""
        return tensors[self.parameter].new_empty(len(self.index))

    def read(self, tensors: Sequence[Tensor], buffer: Tensor) -> Tensor:
        """The entries, written to `buffer`."""
        return torch.take(tensors[self.parameter].detach(), self.index, out=buffer)

    def subtract(self, tensors: Sequence[Tensor], values: Tensor) -> None:
        tensor = tensors[self.parameter]
        tensor.put_(self.index, -values.to(tensor.dtype), accumulate=True)

    def scale(self, tensors: Sequence[Tensor], values: Tensor, factor: Tensor) -> None:
        """The entries, which are `values`, times `factor`."""
        self.subtract(tensors, values * (1 - factor))


class UnitSlices:
    """The producer slices of all prunable units (numbered 0 .. units - 1 in run order) over parameters.

    `named` may name a parameter twice (tied weights): `parameters` holds each once, `names` its first name, and
    `position_of` says where any name is.
    """

    def __init__(self, qadg: Qadg, named: Mapping[str, Tensor]) -> None:
        unique = {id(parameter): parameter for parameter in named.values()}
        self.parameters = list(unique.values())
        position = {key: i for i, key in enumerate(unique)}
        self.position_of = {name: position[id(parameter)] for name, parameter in named.items()}
        self.names = [next(name for name, q in named.items() if q is p) for p in self.parameters]
        self.units = qadg.prunable_units
        device = self.parameters[0].device if self.parameters else torch.device("cpu")
        owners: dict[tuple[int, int], np.ndarray] = {}
        first = 0
        groups = []
        for number, group in enumerate(qadg.prunable):
            groups.append(np.full(group.size, number))
            for member in group.members:
                if member.role != "producer":
                    continue
                key = (self.position_of[member.parameter], member.dim)
                size = named[member.parameter].shape[member.dim]
                owner = owners.setdefault(key, np.full(size, self.units))
                owner[member.index] = (first + np.arange(group.size))[:, None]
            first += group.size
        self.slices = [Slices(p, dim, torch.from_numpy(owner).to(device)) for (p, dim), owner in sorted(owners.items())]
        self.group = torch.from_numpy(np.concatenate(groups) if groups else np.zeros(0, np.int64)).to(device)
        self.sizes = [group.size for group in qadg.prunable]
        self.numbers = self.sum_over_units([p.new_ones(()).expand(p.shape) for p in self.parameters])

    def sum_over_units(self, tensors: Sequence[Tensor], times: Sequence[Tensor] | None = None) -> Tensor:
        """Sum of each unit's producer entries of tensors shaped like the parameters, or of their products with `times`.

        Shape [units], float32.
        """
        total = torch.zeros(self.units + 1, device=self.group.device)
        for part in self.slices:
            tensor = tensors[part.parameter].detach().float()
            if times is not None:
                tensor = tensor * times[part.parameter].detach().float()
            other = [d for d in range(tensor.ndim) if d != part.dim]
            total.index_add_(0, part.unit, tensor.sum(dim=other) if other else tensor)
        return total[:-1]

    def norms(self) -> Tensor:
        """L2 norm of each unit's producer entries, shape [units]."""
        return self.sum_over_units(self.parameters, self.parameters).clamp_min(0).sqrt()

    def zero(self) -> Tensor:
        """Units whose producer entries are all exactly 0; bool, shape [units]."""
        return self.sum_over_units([(p.detach() != 0) for p in self.parameters]) == 0

    def rows(self, chosen: Tensor) -> list[IndexSlice]:
        """Where the chosen units (bool, shape [units]) have producer entries."""
        padded = torch.cat([chosen, chosen.new_zeros(1)])
        index_slices = (
            IndexSlice(part.parameter, part.dim, padded[part.unit].nonzero().flatten()) for part in self.slices
        )
        return [rows for rows in index_slices if len(rows.index)]

    def entries(self, chosen: Tensor) -> list[IndexSlice | FlatIndex]:
        """The chosen units' producer entries, one element a parameter, no entry twice."""
        by_parameter: dict[int, list[IndexSlice]] = {}
        for rows in self.rows(chosen):
            by_parameter.setdefault(rows.parameter, []).append(rows)
        return [rows[0] if len(rows) == 1 else self._union(rows) for rows in by_parameter.values()]

    def _union(self, several: Sequence[IndexSlice]) -> FlatIndex:
        parameter = several[0].parameter
        mark = torch.zeros(self.parameters[parameter].shape, dtype=torch.bool, device=self.group.device)
        for rows in several:
            mark.index_fill_(rows.dim, rows.index, True)
        return FlatIndex(parameter, mark.flatten().nonzero().flatten())
