"""Which units matter: five scores over producer slices (docs/method.md, section 4; HESSO, arXiv 2409.09085)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from geta_engine.qasso.slices import UnitSlices


@dataclass(frozen=True)
class SaliencyWeights:
    """Weights of the five scores; each score is first divided by its L2 norm over the candidates."""

    magnitude: float = 1.0
    average_magnitude: float = 1.0
    cosine: float = 1.0
    taylor_first: float = 1.0
    taylor_second: float = 1.0


def saliency(
    slices: UnitSlices, x: Sequence[Tensor], g: Sequence[Tensor], candidates: Tensor, weights: SaliencyWeights
) -> Tensor:
    """Mean of the weighted, normalised scores; shape [units], +inf where a unit is no candidate.

    ||x||, ||x|| / n, 1 + cos(x, g), |x.g|, 0.5 (x.g)^2 with x and g a unit's producer entries and gradients.
    """
    squares, products, gradients = (slices.sum_over_units(a, b) for a, b in ((x, x), (x, g), (g, g)))
    norm = squares.clamp_min(0).sqrt()
    cosine = products / (norm * gradients.clamp_min(0).sqrt()).clamp_min(1e-12)
    scores = (norm, norm / slices.numbers, 1 + cosine, products.abs(), 0.5 * products.square())
    total = torch.zeros_like(norm)
    for weight, score in zip(astuple(weights), scores):
        total += weight * score / score[candidates].norm().clamp_min(1e-12)
    total = total.nan_to_num()
    total = torch.where(squares > 0, total / len(scores), 0.0)
    return torch.where(candidates, total, torch.inf)


def lowest_units(score: Tensor, slices: UnitSlices, taken: Tensor, count: int, most: Sequence[int]) -> Tensor:
    """The `count` units of lowest score, no group losing more than `most` in all; ties break by unit id.

    `taken` marks units that are redundant or zero already. Returns a bool tensor of shape [units].
    """
    sizes = torch.tensor(slices.sizes, dtype=torch.int64, device=score.device)
    order = torch.argsort(score, stable=True)
    group = slices.group[order]
    by_group = torch.argsort(group, stable=True)
    starts = torch.cumsum(sizes, 0) - sizes
    rank = torch.empty_like(order)
    rank[by_group] = torch.arange(len(order), device=score.device) - starts[group[by_group]]
    allowance = torch.tensor(most, dtype=torch.int64, device=score.device) - torch.bincount(
        slices.group[taken], minlength=len(sizes)
    )
    allowed = (rank < allowance[group]) & ~taken[order]
    chosen = torch.zeros_like(taken)
    chosen[order[allowed][:count]] = True
    return chosen
