"""What the run and its dense baseline share: batches, gradients and the learning rate of a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from geta_engine.config import RunConfig
from geta_engine.data.batches import batch_indices
from geta_engine.data.dataset import WHOLE, Dataset, Split
from geta_engine.data.dataset import load as load_data
from geta_engine.data.inputs import model_inputs, require_any_batch
from geta_engine.data.tasks import Batch, evaluate, make_task
from geta_engine.errors import InputError
from geta_engine.trace import TracedModel
from geta_engine.training.distributed import DistributedContext

_SEEDS_BETWEEN_RANKS = 0x9E3779B1
"""The generator keeps 32 bits of a seed: ranks are set apart within them, by more steps than a run has."""


def learning_rate_factor(step: int, total: int) -> float:
    """Half a cosine from 1 at the first step to nearly 0 at the last."""
    return 0.5 * (1 + math.cos(math.pi * step / total))


class TrainingData:
    """The data of a run, fitted to a traced model, and the task it is for.

    Batches are pure functions of (seed, number of the batch). Raises InputError when the configuration, data and
    model do not go together.
    """

    def __init__(self, traced: TracedModel, config: RunConfig) -> None:
        self.inputs = model_inputs(traced)
        require_any_batch(traced, self.inputs)
        _require_parameters(traced)
        self.dataset: Dataset = load_data(config.data, self.inputs.inputs, config.task)
        self.task = make_task(self.dataset, traced, self.inputs, config)
        self._config = config

    @property
    def rows(self) -> int:
        """Rows of a batch."""
        return min(self._config.batch_size, len(self.dataset.train))

    def batch(self, number: int, shard: slice = WHOLE) -> Batch:
        """The rows `shard` of batch `number` of the training split, counted from 0."""
        train, config = self.dataset.train, self._config
        rows = batch_indices(len(train), config.batch_size, config.seed, number)
        return self.task.batch(train.take(rows), config.seed, number, shard=shard)

    def gradients(self, model: nn.Module, parameters: list[Tensor], step: int, context: DistributedContext) -> float:
        """Leave the gradients of step `step`, averaged over its batches and clipped, in `parameters`; the mean loss.

        Each process has its rows of every batch. The average weighs every batch and process alike: it is the
        gradient of all rows together where the loss is a mean over rows, and for language models, whose loss is a mean
        over the tokens asked for, where all have as many of these. The clip is on the norm over all of `parameters`.
        What the model draws (dropout) depends on (seed, step), and on the member.
        """
        count = self._config.accumulate
        torch.manual_seed((self._config.seed + step + context.rank * _SEEDS_BETWEEN_RANKS) % 2**32)
        total = 0.0
        for number in range(step * count, (step + 1) * count):
            batch = self.batch(number, context.shard)
            with context.maybe_no_sync(model, last=number == (step + 1) * count - 1):
                loss = self._loss(model, batch) / count
                loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        total = context.all_reduce_mean(total)
        if self._config.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self._config.clip_norm)
        return total

    def _loss(self, model: nn.Module, batch: Batch) -> Tensor:
        device = batch.inputs[0].device.type
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self._config.precision == "bfloat16"):
            output = self.inputs.call(model, batch.inputs)
        return self.task.loss(output, batch.targets)

    def calibration(self, batches: int) -> Iterator[tuple[Any, ...]]:
        """The leaves of the inputs of the first batches."""
        return (self.inputs.flat(self.batch(number).inputs) for number in range(batches))

    def evaluate(self, model: Callable[..., Any]) -> float:
        """The task's metric on the test split, in float32; the caller puts the model in eval mode."""
        test: Split = self.dataset.test
        return evaluate(self.task, lambda tensors: self.inputs.call(model, tensors), test, self._config.batch_size)


def _require_parameters(traced: TracedModel) -> None:
    """Raises InputError where there is nothing to train."""
    if not any(p.is_floating_point() for p in traced.template.parameters()):
        raise InputError(f"{traced.name} has no floating parameters, so there is nothing to train: give another model")
