"""DATA and a model's inputs -> tensors ready to train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geta_engine.config import Task
from geta_engine.data.adapt import fit_numbers, fit_tokens, statistics
from geta_engine.data.arrays import RawData
from geta_engine.data.inputs import Input
from geta_engine.data.random import random_inputs, repeated
from geta_engine.data.sources import RANDOM, Source, check, parse
from geta_engine.errors import InputError

MAX_BYTES = 8 * 2**30
"""Largest data set, at the model's size, that is held in memory."""


WHOLE = slice(None)
"""All rows."""


@dataclass(frozen=True)
class Split:
    """One tensor [N, *shape] for each input of the model, and targets: classes [N] int64, numbers [N, k] float32, or
    None."""

    inputs: tuple[Tensor, ...]
    targets: Tensor | None

    def __len__(self) -> int:
        return len(self.inputs[0])

    def take(self, rows: Tensor | slice) -> Split:
        return Split(tuple(x[rows] for x in self.inputs), None if self.targets is None else self.targets[rows])


@dataclass(frozen=True)
class Dataset:
    """Examples fitted to a model, and the task that they are for (never "auto")."""

    train: Split
    test: Split
    num_classes: int | None
    name: str
    task: Task


def load(data: str, inputs: Sequence[Input], task: Task = "auto") -> Dataset:
    """Read `data` and fit it to a model with these inputs.

    Floating inputs get each channel (or feature) at mean 0 and deviation 1 by the numbers of the training split, and
    so do numbers to predict; images are fitted to the model's size and channels. Tokens stay as they are.

    Raises:
        InputError: the source is unknown or broken, does not fit the inputs, or leaves the task open.
    """
    check(data)
    source = parse(data)
    asked: Task = "distill" if source.distill else task
    if source.kind == RANDOM:
        train, test = random_inputs(inputs, MAX_BYTES)
        return Dataset(Split(train, None), Split(test, None), None, data, asked)
    arrays = _read(source, asked)
    _require_memory(data, arrays, inputs)
    train, test = _inputs(arrays, inputs, data)
    y_train, y_test, chosen = _targets(arrays, asked, data)
    return Dataset(Split(train, y_train), Split(test, y_test), arrays.num_classes, data, chosen)


def _read(source: Source, task: Task) -> RawData:
    if source.path is None:
        from geta_engine.data.digits import load_digits_data

        return load_digits_data()
    if source.kind == "cifar10":
        from geta_engine.data.cifar10 import load_cifar10_data

        return load_cifar10_data(source.path)
    if source.kind == "npz":
        from geta_engine.data.npz import load_npz_data

        return load_npz_data(source.path, task, MAX_BYTES)
    from geta_engine.data.idx import load_idx_data

    return load_idx_data(source.path)


def _require_memory(name: str, arrays: RawData, inputs: Sequence[Input]) -> None:
    examples = sum(len(next(iter(x.values()))) for x in (arrays.x_train, arrays.x_test))
    needed = examples * sum(x.bytes for x in inputs)
    if needed > MAX_BYTES:
        shapes = " and ".join(str(x.shape) for x in inputs)
        raise InputError(
            f"{name} at the model's input shape {shapes} takes {needed / 2**30:.0f} GiB, and at most "
            f"{MAX_BYTES // 2**30} GiB are held: trace the model at a smaller size"
        )


def _inputs(arrays: RawData, inputs: Sequence[Input], name: str) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The arrays in the order of the model's inputs; x is the first, and a mask that is not given stays as traced."""
    first = inputs[0].name
    keys = {x.name: "x" if x.name == first and first not in arrays.x_train else x.name for x in inputs}
    missing = [x.name for x in inputs if keys[x.name] not in arrays.x_train and not _is_mask(x)]
    unknown = [key for key in arrays.x_train if key not in keys.values()]
    if missing or unknown:
        raise InputError(
            f"{name} has {', '.join(arrays.x_train)} and the model takes {', '.join(x.name for x in inputs)}: "
            "give an array of the name of each input (x for the first), and y for the targets"
        )
    pairs = [_pair(arrays, keys[x.name], x, name) for x in inputs]
    return tuple(train for train, _ in pairs), tuple(test for _, test in pairs)


def _is_mask(wanted: Input) -> bool:
    return not wanted.dtype.is_floating_point and wanted.vocabulary is None


def _pair(arrays: RawData, key: str, wanted: Input, name: str) -> tuple[Tensor, Tensor]:
    """The training and the test part of one input."""
    if key not in arrays.x_train:
        train, test = (len(next(iter(x.values()))) for x in (arrays.x_train, arrays.x_test))
        return repeated(wanted, train), repeated(wanted, test)
    if wanted.dtype.is_floating_point:
        return fit_numbers(arrays.x_train[key], arrays.x_test[key], wanted, name)
    return fit_tokens(arrays.x_train[key], wanted, name), fit_tokens(arrays.x_test[key], wanted, name)


def _targets(arrays: RawData, asked: Task, name: str) -> tuple[Tensor | None, Tensor | None, Task]:
    """Targets of the two parts as the task takes them, and the task."""
    if asked in ("distill", "masked-lm", "causal-lm"):
        return None, None, asked
    if arrays.y_train is None or arrays.y_test is None:
        raise InputError(
            f"{name} has no y, so what to learn is open: give targets y, set task masked-lm or causal-lm for tokens, "
            "or let the dense model be the teacher with distill:DATA"
        )
    whole = arrays.num_classes is not None
    if asked == "classification" and not whole:
        raise InputError(
            f"{name} has y of type {arrays.y_train.dtype}: give classes as integers, or set task regression"
        )
    if whole and asked != "regression":
        return torch.from_numpy(arrays.y_train), torch.from_numpy(arrays.y_test), "classification"
    train, test = (torch.from_numpy(y.astype(np.float32)).reshape(len(y), -1) for y in (arrays.y_train, arrays.y_test))
    mean, std = statistics(train)
    return (train - mean) / std, (test - mean) / std, "regression"
