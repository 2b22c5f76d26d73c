"""Examples fitted to what a model takes: images resized, flattened, and given other channels; tokens checked."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geta_engine.data.inputs import Input
from geta_engine.errors import InputError


def fit_numbers(train: np.ndarray, test: np.ndarray, wanted: Input, name: str) -> tuple[Tensor, Tensor]:
    """Both parts as `wanted` has them: each channel (or feature) at mean 0 and deviation 1 by the training part."""
    x_train, x_test = (_images(_to_float(x), wanted.shape) for x in (train, test))
    mean, std = statistics(x_train)
    fitted = (resize((x - mean) / std, wanted.shape, name).to(wanted.dtype) for x in (x_train, x_test))
    return next(fitted), next(fitted)


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation, shaped to go with x: of each channel of [N, C, H, W], of each feature of [N, F] and of
    [N, T, F]; a constant one keeps deviation 1."""
    feature = 1 if x.ndim >= 4 else x.ndim - 1
    dims = [dim for dim in range(x.ndim) if dim != feature or dim == 0]
    mean = x.mean(dims, keepdim=True)
    std = x.std(dims, keepdim=True, unbiased=False)
    return mean, torch.where(std > 1e-6, std, 1.0)


def fit_tokens(array: np.ndarray, wanted: Input, name: str) -> Tensor:
    """Whole numbers [N, *shape] within the input's vocabulary, as they are.

    Raises:
        InputError: they are no whole numbers, of another shape, or beyond the vocabulary.
    """
    if array.dtype.kind not in "iub":
        raise InputError(
            f"{name} has numbers of type {array.dtype} for {wanted.name}, which takes {wanted.dtype}: give integers"
        )
    if array.shape[1:] != wanted.shape:
        raise InputError(
            f"{name} has examples of shape {array.shape[1:]} for {wanted.name} and the model takes {wanted.shape}: "
            "give data of the model's shape"
        )
    low, high = int(array.min()), int(array.max())
    if wanted.vocabulary is not None and not 0 <= low <= high < wanted.vocabulary:
        raise InputError(
            f"{name} has tokens from {low} to {high} for {wanted.name} and the model knows 0 to "
            f"{wanted.vocabulary - 1}: give tokens of the model's vocabulary"
        )
    return torch.from_numpy(np.ascontiguousarray(array)).to(wanted.dtype)


def resize(x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    """[N, C, H, W] or [N, F] -> [N, *shape]; raises InputError when there is no honest way.

    Images are resized bilinearly (with antialiasing) and grey is repeated, or colour averaged, into the model's
    channels; for a flat input they are flattened, resized first to a square if that is what fits.
    """
    if tuple(x.shape[1:]) == tuple(shape):
        return x
    if x.ndim == 4 and len(shape) == 3:
        channels, height, width = shape
        return _to_channels(_resize(x, height, width), channels, name)
    if x.ndim == 4 and len(shape) == 1:
        return _flat(x, shape[0], name)
    raise InputError(
        f"{name} has examples of shape {tuple(x.shape[1:])} and the model takes {tuple(shape)}: "
        "give data of the model's shape"
    )


def _images(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """[N, H, W] for a model that takes no such thing are images of one channel."""
    return x[:, None] if x.ndim == 3 and tuple(x.shape[1:]) != shape else x


def _to_float(x: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


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
