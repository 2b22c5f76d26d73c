"""The dense model as the teacher: no labels, only its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from geta_engine.data.dataset import WHOLE, Dataset, Split
from geta_engine.data.inputs import ModelInputs
from geta_engine.data.tasks.base import Batch
from geta_engine.data.tasks.drawn import divergence_of_classes, divergence_of_numbers, of_classes, of_numbers
from geta_engine.data.tasks.metrics import hits, r2, share, squares
from geta_engine.data.tasks.outputs import floats, main
from geta_engine.errors import InputError
from geta_engine.trace import TracedModel

Loss = Literal["auto", "kl", "mse"]
_SCALE_ROWS = 32
"""Examples from which the variance of the teacher's outputs is taken."""


class _Teacher:
    """The traced model in eval mode, without gradients."""

    def __init__(self, traced: TracedModel, inputs: ModelInputs) -> None:
        self._model = traced.graph_module().requires_grad_(False)
        self._inputs = inputs

    @torch.no_grad()
    def __call__(self, tensors: tuple[Tensor, ...]) -> Any:
        return self._inputs.call(self._model, tensors)


class LogitDistillation:
    """KL(teacher || student) over the last dim of the logits (in nats), averaged over all else; the metric is the
    share of equal largest scores."""

    metric: ClassVar[str] = "agreement"

    def __init__(self, teacher: _Teacher) -> None:
        self._teacher = teacher

    def check(self, dataset: Dataset, output: Any) -> None:
        """Raises InputError unless the logits have at least two columns."""
        shape = tuple(main(output).shape)
        if len(shape) < 2 or shape[-1] < 2:
            raise InputError(
                f"distill_loss kl compares scores and the model's output has shape {shape}: set distill_loss mse"
            )

    def batch(self, examples: Split, *key: int, shard: slice = WHOLE) -> Batch:
        """The examples as they are, and the teacher's logits."""
        part = examples.take(shard)
        return Batch(part.inputs, (main(self._teacher(part.inputs)),))

    def loss(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Mean KL divergence."""
        student = main(output).log_softmax(-1).flatten(0, -2)
        return F.kl_div(student, targets[0].log_softmax(-1).flatten(0, -2), reduction="batchmean", log_target=True)

    def drawn_loss(self, output: Any) -> Tensor:
        """Cross entropy of choices drawn from the logits."""
        return of_classes(main(output))

    def divergence(self, reference: Any, output: Any) -> Tensor:
        """Between the distributions of classes."""
        return divergence_of_classes(main(reference), main(output))

    def tally(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Equal choices and choices."""
        return hits(main(output).argmax(-1), targets[0].argmax(-1))

    def value(self, total: Tensor) -> float:
        """Agreement, in [0, 1]."""
        return share(total)


class FeatureDistillation:
    """Squared error of every floating output over the variance of the teacher's, so that scale does not matter, and
    R2 against the teacher; both averaged over the outputs."""

    metric: ClassVar[str] = "R2"

    def __init__(self, teacher: _Teacher, examples: Split) -> None:
        self._teacher = teacher
        outputs = floats(teacher(examples.take(slice(_SCALE_ROWS)).inputs))
        variances = [float(x.double().var(correction=0)) for x in outputs]
        self._variances = [variance if variance > 1e-12 else 1.0 for variance in variances]

    def check(self, dataset: Dataset, output: Any) -> None:
        """Raises InputError unless there is a floating output."""
        main(output)

    def batch(self, examples: Split, *key: int, shard: slice = WHOLE) -> Batch:
        """The examples as they are, and the teacher's outputs for them, which need not have a row for each."""
        part = examples.take(shard)
        return Batch(part.inputs, floats(self._teacher(part.inputs)))

    def loss(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Mean over the outputs of mse / variance."""
        errors = [
            F.mse_loss(outputs, wanted) / variance
            for outputs, wanted, variance in zip(floats(output), targets, self._variances, strict=True)
        ]
        return torch.stack(errors).mean()

    def drawn_loss(self, output: Any) -> Tensor:
        """Half the squared error of outputs drawn with the teacher's variances around the outputs."""
        pairs = zip(floats(output), self._variances, strict=True)
        return torch.stack([of_numbers(outputs, variance) for outputs, variance in pairs]).sum()

    def divergence(self, reference: Any, output: Any) -> Tensor:
        """Between outputs of the teacher's variances."""
        triples = zip(floats(reference), floats(output), self._variances, strict=True)
        return torch.stack([divergence_of_numbers(*triple) for triple in triples]).sum()

    def tally(self, output: Any, targets: tuple[Tensor, ...]) -> Tensor:
        """Sums of squares, one row an output."""
        return squares(floats(output), targets)

    def value(self, total: Tensor) -> float:
        """R2, at most 1."""
        return r2(total)


def distillation(
    traced: TracedModel, inputs: ModelInputs, dataset: Dataset, output: Any, loss: Loss
) -> LogitDistillation | FeatureDistillation:
    """The task of becoming `traced`; `output` is what it returns for its examples.

    "auto" takes KL for what is class-like: an output under the key logits, or a single floating output that has two
    dims or a column for each token of the model's vocabulary; with at least two columns. Squared error otherwise.
    """
    teacher = _Teacher(traced, inputs)
    if loss == "kl" or (loss == "auto" and _is_scores(output, inputs)):
        return LogitDistillation(teacher)
    return FeatureDistillation(teacher, dataset.train)


def _is_scores(output: Any, inputs: ModelInputs) -> bool:
    outputs = floats(output)
    if not outputs or outputs[0].ndim == 0 or main(output).shape[-1] < 2:
        return False
    named = isinstance(output, Mapping) and "logits" in output
    words = any(x.vocabulary == outputs[0].shape[-1] for x in inputs.inputs)
    return named or (len(outputs) == 1 and (outputs[0].ndim == 2 or words))
