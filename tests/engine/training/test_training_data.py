"""The gradients of a step: what the model draws depends on the seed, the step and the process."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import make_config
from geta_engine.training.distributed import DistributedContext
from geta_engine.training.training_data import TrainingData


class Dropped(nn.Module):
    """A linear layer that keeps the mask its dropout drew."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.masks = nn.Linear(64, 10), list[Tensor]()

    def forward(self, x: Tensor) -> Tensor:
        self.masks.append(nn.functional.dropout(torch.ones(256), 0.5))
        return self.linear(x.flatten(1)[:, :64])


def mask(step: int, rank: int, seed: int = 0) -> Tensor:
    """The dropout mask of one process at a step."""
    data = TrainingData(ge.load("mlp"), make_config(model="mlp", batch_size=16, seed=seed))
    model = Dropped()
    data.gradients(model, list(model.parameters()), step, DistributedContext(rank))
    return model.masks[0]


def test_dropout_differs_by_process_step_and_seed_and_repeats() -> None:
    first = mask(3, 0)
    assert torch.equal(first, mask(3, 0))
    for other in (mask(3, 1), mask(3, 2), mask(4, 0), mask(3, 0, seed=1)):
        assert 0.3 < float((first != other).float().mean()) < 0.7
    assert not torch.equal(mask(3, 1), mask(3, 2))
