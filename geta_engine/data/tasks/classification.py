"""One class for each example."""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from geta_engine.data.dataset import WHOLE, Dataset, Split
from geta_engine.data.tasks.base import Batch
from geta_engine.data.tasks.drawn import divergence_of_classes, of_classes
from geta_engine.data.tasks.metrics import hits, share
from geta_engine.data.tasks.outputs import main
from geta_engine.errors import InputError


class Classification:
    """Cross entropy (in nats) and the share of test examples whose largest score is that of their class."""

    metric: ClassVar[str] = "accuracy"

    def check(self, dataset: Dataset, output: Any) -> None:
        """Raises InputError unless the output is one score for each class of the data."""
        shape = tuple(main(output).shape[1:])
        if shape != (dataset.num_classes,):
            raise InputError(
                f"the model's output has shape {shape} for each example and {dataset.name} has "
                f"{dataset.num_classes} classes: give a model with {dataset.num_classes} scores or other data"
            )

    def batch(self, examples: Split, *key: int, shard: slice = WHOLE) -> Batch:
        """The examples as they are, and their classes [B]."""
        part = examples.take(shard)
        assert part.targets is not None
        return Batch(part.inputs, (part.targets,))

    def loss(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Mean cross entropy of scores [B, classes]."""
        return F.cross_entropy(main(output), targets[0])

    def drawn_loss(self, output: Any) -> Tensor:
        """Cross entropy of classes drawn from the scores."""
        return of_classes(main(output))

    def divergence(self, reference: Any, output: Any) -> Tensor:
        """Between the distributions of classes."""
        return divergence_of_classes(main(reference), main(output))

    def tally(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Hits and examples."""
        return hits(main(output).argmax(1), targets[0])

    def value(self, total: Tensor) -> float:
        """Accuracy, in [0, 1]."""
        return share(total)
