"""What a run learns: loss, metric and the order of the batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geta_engine.data.dataset import Dataset
from geta_engine.errors import InputError


class Task(Protocol):
    """A loss to train on and one metric in [0, 1], larger is better."""

    metric: ClassVar[str]

    def check(self, dataset: Dataset, output_shape: tuple[int, ...]) -> None:
        """Raises InputError unless a model with outputs [B, *output_shape] can learn `dataset`."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Model output and targets of one batch -> scalar, averaged over the batch."""

    def evaluate(self, forward: Callable[[Tensor], Tensor], dataset: Dataset, batch: int = 256) -> float:
        """The metric over the whole test split."""


class Classification:
    """Cross entropy (in nats) and the share of test examples whose largest score is that of their class."""

    metric: ClassVar[str] = "accuracy"

    def check(self, dataset: Dataset, output_shape: tuple[int, ...]) -> None:
        """Raises InputError unless the output is one score for each class of the data."""
        if tuple(output_shape) != (dataset.num_classes,):
            raise InputError(
                f"the model's output has shape {tuple(output_shape)} for each example and {dataset.name} has "
                f"{dataset.num_classes} classes: give a model with {dataset.num_classes} scores or other data"
            )

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Scores [B, classes] and classes [B] -> mean cross entropy."""
        return F.cross_entropy(output, target)

    @torch.no_grad()
    def evaluate(self, forward: Callable[[Tensor], Tensor], dataset: Dataset, batch: int = 256) -> float:
        """Accuracy of `forward` on the test split, in [0, 1]. The caller puts the model in eval mode."""
        pairs = zip(dataset.x_test.split(batch), dataset.y_test.split(batch), strict=True)
        correct = sum(int((forward(x).argmax(1) == y).sum()) for x, y in pairs)
        return correct / len(dataset.y_test)


def batch_indices(n: int, batch: int, seed: int, step: int) -> Tensor:
    """Rows of the training split for step `step` (counted from 0): a pure function, so a resumed run sees the same.

    Every epoch is its own permutation of the `n` rows, cut into `n // batch` batches; the rest of the epoch is
    dropped. With fewer rows than `batch`, each batch is all `n` of them. n = 10, batch = 4: steps 0 and 1 are
    disjoint, step 2 starts the next epoch.

    Returns:
        int64 tensor [min(batch, n)].
    """
    size = min(batch, n)
    epoch, position = divmod(step, n // size)
    return _permutation(n, seed, epoch)[position * size : (position + 1) * size].clone()


@lru_cache(maxsize=4)
def _permutation(n: int, seed: int, epoch: int) -> Tensor:
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state) % 2**63)
    return torch.randperm(n, generator=generator)
