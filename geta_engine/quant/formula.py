"""The one copy of the bit formulas (docs/method.md, section 2; DJPQ, arXiv 2007.10463).

    b = log2(q_m^t / d + 1) + s            d(b) = q_m^t / (2^(b-s) - 1)

s = 1 where one bit holds the sign, and 0 for tensors that are never negative. Worked: q_m = 1, t = 1, b = 4 gives
d = 1/7, or 1/15 without a sign. All functions work element by element on tensors of one shape.
"""

from __future__ import annotations

import torch
from torch import Tensor


def bit_width(d: Tensor, q_m: Tensor, t: Tensor, sign: Tensor | float = 1.0) -> Tensor:
    """b for step size d > 0, clip q_m > 0 and exponent t > 0; b >= s."""
    return torch.log2(q_m.pow(t) / d + 1) + sign


def step_size(bits: Tensor, q_m: Tensor, t: Tensor, sign: Tensor | float = 1.0) -> Tensor:
    """d for b bits, b > s; the inverse of `bit_width` in d."""
    return q_m.pow(t) / (torch.exp2(bits - sign) - 1)
