"""What a model says itself as the measure: summed losses against targets drawn from its own outputs, and how far other
outputs are from those (docs/method.md, section 4.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def of_classes(logits: Tensor) -> Tensor:
    """Cross entropy of logits [..., classes], a class drawn from the softmax of each; summed, in float32."""
    scores = logits.float().flatten(0, -2)
    drawn = torch.multinomial(scores.detach().softmax(-1), 1).squeeze(1)
    return F.cross_entropy(scores, drawn, reduction="sum")


def of_numbers(output: Tensor, variance: float = 1.0) -> Tensor:
    """Half the squared error over the variance, each number drawn from N(output, variance); summed."""
    drawn = output.detach() + variance**0.5 * torch.randn_like(output)
    return (output - drawn).square().sum() / (2 * variance)


def divergence_of_classes(reference: Tensor, logits: Tensor) -> Tensor:
    """KL(reference, logits) in nats, both [..., classes]; summed, in float32."""
    expected, other = (scores.float().flatten(0, -2).log_softmax(-1) for scores in (reference, logits))
    return F.kl_div(other, expected, reduction="sum", log_target=True)


def divergence_of_numbers(reference: Tensor, output: Tensor, variance: float = 1.0) -> Tensor:
    """KL between normal distributions of one variance around the numbers; summed."""
    return (reference - output).float().square().sum() / (2 * variance)
