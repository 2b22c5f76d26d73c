"""One or more numbers for each example."""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from geta_engine.data.dataset import WHOLE, Dataset, Split
from geta_engine.data.tasks.base import Batch
from geta_engine.data.tasks.drawn import divergence_of_numbers, of_numbers
from geta_engine.data.tasks.metrics import r2, squares
from geta_engine.data.tasks.outputs import main
from geta_engine.errors import InputError


class Regression:
    """Mean squared error, and R2 = 1 - mse / variance of the test targets."""

    metric: ClassVar[str] = "R2"

    def check(self, dataset: Dataset, output: Any) -> None:
        """Raises InputError unless the output is one number for each number of a target."""
        assert dataset.train.targets is not None
        output_shape, wanted = tuple(main(output).shape[1:]), dataset.train.targets.shape[1]
        if output_shape != (wanted,) and (output_shape, wanted) != ((), 1):
            raise InputError(
                f"the model's output has shape {output_shape} for each example and {dataset.name} has "
                f"{wanted} numbers to predict: give a model with {wanted} outputs or other data"
            )

    def batch(self, examples: Split, *key: int, shard: slice = WHOLE) -> Batch:
        """The examples as they are, and their numbers [B, k]."""
        part = examples.take(shard)
        assert part.targets is not None
        return Batch(part.inputs, (part.targets,))

    def loss(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Mean squared error of [B, k], or of [B] where k is 1."""
        return F.mse_loss(main(output).view_as(targets[0]), targets[0])

    def drawn_loss(self, output: Any) -> Tensor:
        """Half the squared error of numbers drawn with variance 1 around the outputs."""
        return of_numbers(main(output))

    def divergence(self, reference: Any, output: Any) -> Tensor:
        """Between numbers of variance 1."""
        return divergence_of_numbers(main(reference), main(output))

    def tally(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Sums of squares."""
        return squares([main(output).view_as(targets[0])], targets)

    def value(self, total: Tensor) -> float:
        """R2, at most 1."""
        return r2(total)
