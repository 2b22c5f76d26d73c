"""DATA and a model's input shape -> tensors ready to train on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geta_engine.data.raw import RawData
from geta_engine.data.sources import Source, check, parse
from geta_engine.errors import InputError

MAX_BYTES = 8 * 2**30
"""Largest data set, as float32 at the model's size, that is held in memory."""


@dataclass(frozen=True)
class Dataset:
    """Examples and classes, normalised and fitted to a model: x [N, *input_shape] float32, y [N] int64."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    num_classes: int
    name: str


def load(data: str, input_shape: tuple[int, ...]) -> Dataset:
    """Read `data` and fit it to a model that takes `[B, *input_shape]`: (C, H, W) images or (features,) vectors.

    Each channel (or feature) is brought to mean 0 and deviation 1 by the numbers of the training split. Images are
    resized bilinearly (with antialiasing) and grey is repeated, or colour averaged, into the model's channels; for a
    flat input they are flattened, resized first to a square if that is what fits.

    Raises:
        InputError: the source is unknown or broken, or cannot be fitted to the shape.
    """
    check(data)
    raw = _read(parse(data))
    _require_room(data, len(raw.x_train) + len(raw.x_test), input_shape)
    x_train, x_test = _to_float(raw.x_train), _to_float(raw.x_test)
    mean, std = _statistics(x_train)
    x_train, x_test = (fit((x - mean) / std, input_shape, data) for x in (x_train, x_test))
    y_train, y_test = torch.from_numpy(raw.y_train), torch.from_numpy(raw.y_test)
    return Dataset(x_train, y_train, x_test, y_test, raw.num_classes, data)


def fit(x: Tensor, input_shape: tuple[int, ...], name: str) -> Tensor:
    """[N, C, H, W] or [N, F] -> [N, *input_shape]; raises InputError when there is no honest way."""
    if tuple(x.shape[1:]) == tuple(input_shape):
        return x
    if x.ndim == 4 and len(input_shape) == 3:
        channels, height, width = input_shape
        return _to_channels(_resize(x, height, width), channels, name)
    if x.ndim == 4 and len(input_shape) == 1:
        return _flat(x, input_shape[0], name)
    raise InputError(
        f"{name} has examples of shape {tuple(x.shape[1:])} and the model takes {tuple(input_shape)}: "
        "give data of the model's shape"
    )


def _read(source: Source) -> RawData:
    if source.path is None:
        from geta_engine.data.digits import load_digits_data

        return load_digits_data()
    if source.kind == "cifar10":
        from geta_engine.data.cifar10 import load_cifar10_data

        return load_cifar10_data(source.path)
    if source.kind == "npz":
        from geta_engine.data.npz import load_npz_data

        return load_npz_data(source.path)
    from geta_engine.data.idx import load_idx_data

    return load_idx_data(source.path)


def _require_room(name: str, examples: int, input_shape: tuple[int, ...]) -> None:
    needed = 4 * examples * math.prod(input_shape)
    if needed > MAX_BYTES:
        raise InputError(
            f"{name} at the model's input shape {tuple(input_shape)} takes {needed / 2**30:.0f} GiB, and at most "
            f"{MAX_BYTES // 2**30} GiB are held: trace the model at a smaller image size"
        )


def _to_float(x: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel [1, C, 1, 1] or feature [1, F]; a constant one keeps deviation 1."""
    dims = [0, 2, 3] if x.ndim == 4 else [0]
    mean = x.mean(dims, keepdim=True)
    std = x.std(dims, keepdim=True, unbiased=False)
    return mean, torch.where(std > 1e-6, std, 1.0)


def _resize(x: Tensor, height: int, width: int) -> Tensor:
    if tuple(x.shape[2:]) == (height, width):
        return x
    return F.interpolate(x, size=(height, width), mode="bilinear", align_corners=False, antialias=True)


def _to_channels(x: Tensor, channels: int, name: str) -> Tensor:
    given = x.shape[1]
    if given == channels:
        return x
    if given == 1:
        return x.repeat(1, channels, 1, 1)
    if channels == 1:
        return x.mean(1, keepdim=True)
    raise InputError(
        f"{name} has {given} channels and the model takes {channels}: give a model of {given} or 1 channels"
    )


def _flat(x: Tensor, features: int, name: str) -> Tensor:
    for channels in (x.shape[1], 1):
        side = math.isqrt(features // channels)
        if math.prod(x.shape[2:]) * channels == features:
            return _to_channels(x, channels, name).flatten(1)
        if side * side * channels == features:
            return _to_channels(_resize(x, side, side), channels, name).flatten(1)
    raise InputError(
        f"{name} has images of shape {tuple(x.shape[1:])} and the model takes {features} numbers, which is no "
        "image of theirs: give a model whose input is channels * side * side"
    )
