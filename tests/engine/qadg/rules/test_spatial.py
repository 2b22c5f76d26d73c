"""Pooling, resizing, padding and shuffling of places and channels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .cases import aten, check, drawn, images, net

_AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_MAXIMUM = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_ADAPTIVE_AVERAGE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
_ADAPTIVE_MAXIMUM = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}


def pools(dims: int):
    def body(m, x):
        top, _ = _MAXIMUM[dims](x, 2, return_indices=True)
        return _AVERAGE[dims](x, 2) + _MAXIMUM[dims](x, 2) + top + _ADAPTIVE_AVERAGE[dims](x, 2) + (
            _ADAPTIVE_MAXIMUM[dims](x, 2))  # fmt: skip

    return images(body, 8, size=4, dims=dims)


def resized(dims: int, *modes: str):
    return images(lambda m, x: sum(F.interpolate(x, scale_factor=2, mode=mode) for mode in modes), 8, size=4, dims=dims)


def smoothed(mode: str):
    return images(lambda m, x: F.interpolate(x, scale_factor=0.5, mode=mode, antialias=True), 8)


def padded(dims: int):
    widths = [1] * (2 * dims)
    pads = [getattr(aten, f"{kind}_pad{dims}d") for kind in ("reflection", "replication")]

    def body(m, x):
        padded = F.pad(x, widths, mode="reflect") + F.pad(x, widths, mode="replicate")
        return padded + sum(pad(x, widths) for pad in pads)

    return images(body, 8, size=4, dims=dims)


def sampled(sample):
    return net(
        lambda m, x, grid: m.h(sample(m.a(x), grid)).mean((2, 3)), (drawn(2, 3, 8, 8), drawn(2, 4, 4, 2).tanh()), 8, {},
        a=nn.Conv2d(3, 8, 3, padding=1), h=nn.Conv2d(8, 5, 1),
    )  # fmt: skip


def patches(m, x):
    return (m.w @ F.unfold(x, 3, padding=1)).mean(2)


def windows(m, x):
    return x.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))


CASES = {
    "pools 1d": pools(1),
    "pools 2d": pools(2),
    "pools 3d": pools(3),
    "core pools": images(lambda m, x: aten._adaptive_avg_pool2d(x, [2, 2]), 8),
    "core pools 3d": images(lambda m, x: aten._adaptive_avg_pool3d(x, [2, 2, 2]), 8, size=4, dims=3),
    "resized 1d": resized(1, "nearest", "nearest-exact", "linear"),
    "resized 2d": resized(2, "nearest", "nearest-exact", "bilinear", "bicubic"),
    "resized 3d": resized(3, "nearest", "trilinear"),
    "resized 3d, exactly": resized(3, "nearest-exact"),
    "resized smoothly": smoothed("bilinear"),
    "resized smoothly, bicubic": smoothed("bicubic"),
    "padded 1d": padded(1),
    "padded 2d": padded(2),
    "padded 3d": padded(3),
    "grid_sampler": sampled(lambda x, grid: F.grid_sample(x, grid, align_corners=False)),
    "grid_sampler_2d": sampled(lambda x, grid: aten.grid_sampler_2d(x, grid, 0, 0, False)),
    "pixel_shuffle": images(lambda m, x: F.pixel_shuffle(x, 2), 2, 2),
    "pixel_unshuffle": images(lambda m, x: F.pixel_unshuffle(x, 2), 8, 32),
    "channel_shuffle: offsets": images(lambda m, x: F.channel_shuffle(x, 2), 4),
    "channel_shuffle: groups": images(lambda m, x: F.channel_shuffle(x, 4), 4),
    "channel_shuffle: native": images(lambda m, x: aten.native_channel_shuffle(x, 2), 4),
    "channel_shuffle: after a grouped convolution": images(
        lambda m, x: F.channel_shuffle(m.b(x), 2), 4 + 4, b=nn.Conv2d(8, 8, 3, groups=2)),
    "glu": images(lambda m, x: F.glu(x, 1), 4, 4),
    "glu of places": images(lambda m, x: F.glu(x, 2), 8),
    "im2col": net(lambda m, x: patches(m, m.a(x)), (drawn(2, 3, 4, 4),), 8, {}, a=nn.Conv2d(3, 8, 1),
                  w=nn.Parameter(torch.ones(5, 72))),
    "unfold": images(windows, 8),
    "unfold of channels": images(lambda m, x: x.unfold(1, 2, 2).mean(-1), 0, 4, pins="slides over it"),
    "pooled channels": images(lambda m, x: F.avg_pool1d(x.flatten(2).mT, 2).mT.unflatten(2, (8, 8)), 0, 4,
                              pins="slides over it"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_spatial(case):
    check(CASES[case])
