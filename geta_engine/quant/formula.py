"""The one copy of the bit formulas (docs/method.md, section 2; DJPQ, arXiv 2007.10463).

    b = log2(q_m^t / d + 1) + 1            d(b) = q_m^t / (2^(b-1) - 1)

Worked: q_m = 1, t = 1, b = 4 gives d = 1/7. All functions work element by element on tensors of one shape.
"""

from __future__ import annotations

import torch
from torch import Tensor


def bit_width(d: Tensor, q_m: Tensor, t: Tensor) -> Tensor:
    """b for step size d > 0, clip q_m > 0 and exponent t > 0; b >= 1."""
    return torch.log2(q_m.pow(t) / d + 1) + 1


def step_size(bits: Tensor, q_m: Tensor, t: Tensor) -> Tensor:
    """d for b bits, b > 1; the inverse of `bit_width` in d."""
    return q_m.pow(t) / (torch.exp2(bits - 1) - 1)
