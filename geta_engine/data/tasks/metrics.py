"""Two metrics as sums over batches: the share of hits, and R2."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def hits(predicted: Tensor, wanted: Tensor) -> Tensor:
    """(equal entries, entries), float64 [2]."""
    return torch.tensor([int((predicted == wanted).sum()), predicted.numel()], dtype=torch.float64)


def share(total: Tensor) -> float:
    """Of the entries that were equal, in [0, 1]; 0 where there were none."""
    return float(total[0] / total[1].clamp_min(1))


def squares(predicted: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """For each pair of tensors: squared error, sum and sum of squares of the wanted, and their number; float64
    [pairs, 4]."""
    rows = []
    for output, target in zip(predicted, wanted, strict=True):
        exact = target.double()
        error = (output.double() - exact).square().sum()
        count = torch.tensor(float(target.numel()), dtype=torch.float64)
        rows.append(torch.stack([error, exact.sum(), exact.square().sum(), count]))
    return torch.stack(rows)


def r2(total: Tensor) -> float:
    """Mean over the pairs of 1 - mse / variance; a target that does not vary counts with variance 1."""
    error, sums, of_squares, count = total.unbind(1)
    variance = of_squares / count - (sums / count).square()
    return float((1 - error / count / torch.where(variance > 1e-12, variance, 1.0)).mean())
