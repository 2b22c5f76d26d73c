"""The clip that suits a width: q_m = max|x| is right for 16 bits and ruinous for 2 (docs/method.md, section 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

SAMPLE = 40_000
"""Entries that the error is summed over, at most."""
LEAST = 0.1
"""The smallest clip that is tried, as a share of max|x|."""
COARSE, FINE = 0.1, 0.01
"""Steps of the two searches, as shares of max|x|; the fine one is around the best of the coarse one."""


@torch.no_grad()
def fitted_clips(values: Tensor, widths: Sequence[int], t: float = 1.0, sign: float = 1.0) -> Tensor:
    """q_m for each of the widths: what makes the sum of (Q(x) - sgn(x) |x|^t)^2 least, with d = d(b).

    `sign` is 1 where one bit holds the sign, 0 where none does. `values` has any shape; the result has shape [widths],
    float32, 0 where all values are 0.
    """
    magnitudes = values.abs().flatten().float()
    peak = magnitudes.max()
    if not float(peak) > 0:
        return torch.zeros(len(widths), device=values.device)
    powers = (sampled(magnitudes, SAMPLE) / peak).pow_(t)
    coarse = torch.arange(LEAST, 1 + COARSE / 2, COARSE, device=values.device)
    around = torch.arange(-COARSE, COARSE + FINE / 2, FINE, device=values.device)
    shares = []
    for width in widths:
        first = coarse[_errors(powers, coarse, width - sign, t).argmin()]
        fine = (first + around).clamp(LEAST, 1)
        shares.append(fine[_errors(powers, fine, width - sign, t).argmin()])
    return torch.stack(shares) * peak


def sampled(values: Tensor, count: int) -> Tensor:
    """At most `count` of flat values, evenly spread; the step shares no divisor with their number, so that no row or
    column of what they were is taken alone."""
    step = math.ceil(len(values) / count)
    while math.gcd(step, len(values)) > 1:
        step += 1
    return values[::step]


def _errors(powers: Tensor, shares: Tensor, bits: float, t: float) -> Tensor:
    """The squared error of each clip, shape [shares]; `powers` = (|x| / max|x|)^t. The sign of x plays no
    part: `bits` are those of the magnitude."""
    clips = shares.pow(t)[:, None]
    steps = clips / (2**bits - 1)
    rounded = torch.minimum(powers, clips).div_(steps).round_().mul_(steps)
    return rounded.sub_(powers).square_().sum(1)
