"""The same networks in core ATen, as `run_decompositions()` writes them: as many units, as exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from . import (
    test_attention,
    test_contraction,
    test_convolution,
    test_indexing,
    test_movement,
    test_norms,
    test_reduction,
    test_spatial,
)
from .cases import check, decomposed, drawn, images, net, rows


def block(m, x):
    """A pre-norm transformer block and a classifier: 8 channels, 3 heads, 7 hidden units."""
    x = m.a(x)
    q, k, v = (part.unflatten(-1, (3, 4)).transpose(1, 2) for part in m.qkv(m.n(x)).chunk(3, -1))
    x = x + m.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
    x = x + m.down(F.gelu(m.up(m.n2(x))))
    return m.h(x.mean(1))


def residual(m, x):
    return F.max_pool2d(F.relu(x + m.n2(m.c2(F.relu(m.n1(m.c1(x)))))), 2)


def excited(m, x):
    return x * torch.sigmoid(m.up(F.silu(m.down(F.adaptive_avg_pool2d(x, 1)))))


def upsampled(m, x):
    small = m.c(F.avg_pool2d(x, 2))
    return torch.cat([F.interpolate(small, scale_factor=2.0), F.interpolate(small, scale_factor=2.0, mode="bilinear"),
                      F.hardswish(x)], 1)  # fmt: skip


TRANSFORMER = {
    "a": nn.Linear(5, 8), "n": nn.LayerNorm(8), "qkv": nn.Linear(8, 36), "out": nn.Linear(12, 8),
    "n2": nn.LayerNorm(8), "up": nn.Linear(8, 7), "down": nn.Linear(7, 8), "h": nn.Linear(8, 3),
}  # fmt: skip
CASES = {
    "perceptron": rows(lambda m, x: m.n(F.relu(m.b(F.gelu(x)))), 8 + 7, 7, b=nn.Linear(8, 7), n=nn.BatchNorm1d(7)),
    "transformer block": net(block, (drawn(2, 6, 5),), 8 + 3 + 7, {}, **TRANSFORMER),
    "residual block": images(residual, 8 + 6, c1=nn.Conv2d(8, 6, 3, padding=1), n1=nn.BatchNorm2d(6),
                             c2=nn.Conv2d(6, 8, 3, padding=1, bias=False), n2=nn.BatchNorm2d(8)),
    "squeeze and excite": images(excited, 8 + 4, down=nn.Conv2d(8, 4, 1), up=nn.Conv2d(4, 8, 1)),
    "resized and joined": images(upsampled, 8 + 6, 20, c=nn.Conv2d(8, 6, 1)),
    "weight norm": replace(test_norms.CASES["weight_norm"], units=8),
    "dropout": rows(lambda m, x: m.d(F.relu(x)), 8, d=nn.Dropout()),
    "recurrent": net(lambda m, x: m.h(m.r(m.a(x))[0]).mean(1), (drawn(2, 2, 5),), 8 + 6, {}, a=nn.Linear(5, 8),
                     r=nn.LSTM(8, 6, batch_first=True), h=nn.Linear(6, 3)),
}  # fmt: skip
AGAIN = {
    test_attention: ("sdpa: mask", "sdpa: shared keys", "softmax over tokens", "order of tokens"),
    test_indexing: ("index_put: rows in place", "slice of tokens written"),
    test_contraction: ("einsum", "baddbmm", "embedding"),
    test_convolution: ("conv1d", "offsets of groups", "whole groups", "transposed offsets"),
    test_movement: ("views of channels", "splits in two", "slices", "expansions"),
    test_norms: ("rms_norm", "group_norm: offsets", "group_norm: whole groups", "layer_norm: no bias"),
    test_reduction: ("std over channels", "var_mean over channels", "comparisons over places"),
    test_spatial: ("pools 1d", "resized 1d", "pixel_shuffle", "glu", "channel_shuffle: offsets", "im2col"),
}
CASES.update(
    {f"{m.__name__.split('test_')[-1]}: {name}": m.CASES[name] for m, names in AGAIN.items() for name in names}
)


@pytest.mark.parametrize("case", CASES)
def test_core(case):
    check(CASES[case], decomposed(CASES[case]))
