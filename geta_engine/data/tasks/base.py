"""What a run learns: the contract of a task, and its evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from geta_engine.data.dataset import WHOLE, Dataset, Split


@dataclass(frozen=True)
class Batch:
    """What the model sees, and what its outputs are compared with."""

    inputs: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]


class Task(Protocol):
    """A loss to train on and one metric of at most 1, larger is better."""

    metric: ClassVar[str]

    def check(self, dataset: Dataset, output: Any) -> None:
        """Raises InputError unless a model that returns `output` for a few examples can learn `dataset`."""

    def batch(self, examples: Split, *key: int, shard: slice = WHOLE) -> Batch:
        """The rows `shard` of the batch made of some examples; what is random in it depends on `key` (numbers from 0
        on) and on where a row stands among all of them, so that the parts of a batch are those of the whole."""

    def loss(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Model output and targets of one batch -> scalar in float32, averaged over the batch."""

    def drawn_loss(self, output: Any) -> Tensor:
        """Model output of one batch -> scalar in float32, summed over the batch: minus the log of how likely the model
        holds targets that are drawn from what it says itself."""

    def divergence(self, reference: Any, output: Any) -> Tensor:
        """Outputs of two models for one batch -> scalar in float32, summed over the batch: how far the second's
        distribution is from the first's, in nats."""

    def tally(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Float64 sums over one batch, from whose total over all batches `value` finds the metric."""

    def value(self, total: Tensor) -> float:
        """The metric."""


@torch.no_grad()
def evaluate(task: Task, forward: Callable[[tuple[Tensor, ...]], Any], split: Split, rows: int = 256) -> float:
    """The metric over a split, `rows` examples at a time. The caller puts the model in eval mode."""
    tallies = []
    for start in range(0, len(split), rows):
        batch = task.batch(split.take(slice(start, start + rows)), start)
        tallies.append(task.tally(forward(batch.inputs), batch.targets))
    return task.value(torch.stack(tallies).sum(0))
