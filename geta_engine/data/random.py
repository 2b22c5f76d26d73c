"""`distill` without data: random inputs of the shapes a model was traced on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from geta_engine.data.inputs import Input

TRAIN, TEST = 1024, 256
SEED = 0
"""The inputs are the same for every run of a model: only the run's seed may vary."""


def random_inputs(inputs: Sequence[Input], most_bytes: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """1,024 examples to train on and 256 to test on, in that ratio fewer where they would take over `most_bytes`.

    Floats are standard normal, tokens uniform over the vocabulary; whole numbers that enter no embedding (masks) and
    truth values repeat the rows of the traced example.
    """
    generator = torch.Generator().manual_seed(SEED)
    most_rows = most_bytes // max(1, sum(x.bytes for x in inputs))
    train = max(1, min(TRAIN, most_rows * TRAIN // (TRAIN + TEST)))
    test = max(1, train * TEST // TRAIN)
    drawn = [_draw(x, train + test, generator) for x in inputs]
    return tuple(x[:train] for x in drawn), tuple(x[train:] for x in drawn)


def _draw(wanted: Input, rows: int, generator: torch.Generator) -> Tensor:
    if wanted.dtype.is_floating_point:
        return torch.randn((rows, *wanted.shape), generator=generator).to(wanted.dtype)
    if wanted.vocabulary is not None:
        return torch.randint(wanted.vocabulary, (rows, *wanted.shape), generator=generator).to(wanted.dtype)
    return repeated(wanted, rows)


def repeated(wanted: Input, rows: int) -> Tensor:
    """The rows of the traced example, over and over: [rows, *shape]."""
    assert wanted.example is not None
    return wanted.example[torch.arange(rows) % len(wanted.example)]
