"""Normalisations: zero where their weight and bias are; over channels they keep their divisor."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .cases import aten, check, drawn, images, net, rows, tokens, weight

VECTORS = {"w": weight(8), "b": weight(8)}


def statistics():
    return {"w": weight(8), "b": weight(8), "mean": drawn(8), "var": drawn(8, seed=1).abs() + 0.3}


def grouped(groups: int, units: int):
    return images(lambda m, x: m.n(x), units, n=nn.GroupNorm(groups, 8))


def native_group(groups: int):
    return lambda m, x: torch.native_group_norm(x, m.w, m.b, x.shape[0], 8, 64, groups, 1e-5)[0]


def written_group(m, x):
    """A norm over each of two groups, by its own formula."""
    y = x.view(-1, 2, 4)
    var, mean = torch.var_mean(y, 2, correction=0, keepdim=True)
    return ((y - mean) * torch.rsqrt(var + 1e-5)).flatten(1) * m.w + m.b


def weight_normed(layer: nn.Module):
    return nn.utils.parametrizations.weight_norm(layer)


CASES = {
    "batch_norm": images(lambda m, x: m.n(x.sigmoid()), 8, n=nn.BatchNorm2d(8)),
    "batch_norm: rows": rows(lambda m, x: m.n(x), 8, n=nn.BatchNorm1d(8)),
    "batch_norm: no weight": images(lambda m, x: m.n(x), 0, n=nn.BatchNorm2d(8, affine=False), pins="n (batch_norm)"),
    "batch_norm: core": images(
        lambda m, x: aten._native_batch_norm_legit_no_training(x, m.w, m.b, m.mean, m.var, 0.1, 1e-5)[0], 8,
        **statistics()),
    "batch_norm: native": images(
        lambda m, x: aten.native_batch_norm(x, m.w, m.b, m.mean, m.var, False, 0.1, 1e-5)[0], 8, **statistics()),
    "instance_norm": images(lambda m, x: m.n(x), 8, n=nn.InstanceNorm2d(8, affine=True)),
    "instance_norm: no weight": images(lambda m, x: m.n(x), 8, n=nn.InstanceNorm2d(8)),
    "layer_norm": rows(lambda m, x: m.n(x), 8, n=nn.LayerNorm(8)),
    "layer_norm: no bias": tokens(lambda m, x: m.n(F.relu(x)), 8, n=nn.LayerNorm(8, bias=False)),
    "layer_norm: no weight": rows(lambda m, x: m.n(x), 0, n=nn.LayerNorm(8, elementwise_affine=False),
                                  pins="n (layer_norm)"),
    "layer_norm: after a sigmoid": rows(lambda m, x: m.n(x.sigmoid()), 0, n=nn.LayerNorm(8),
                                        pins="turns zeros into other numbers before `n (layer_norm)` sums over it"),
    "layer_norm: channels and places": images(lambda m, x: m.n(x), 8, size=4, n=nn.LayerNorm((8, 4, 4))),
    "layer_norm: native": rows(lambda m, x: torch.native_layer_norm(x, [8], m.w, m.b, 1e-5)[0], 8, **VECTORS),
    "layer_norm: one for all heads": tokens(lambda m, x: m.n(x.view(-1, 6, 3, 4)).flatten(2), 0, 12, width=12,
                                            n=nn.LayerNorm(4), pins="n (layer_norm)"),
    "rms_norm": tokens(lambda m, x: m.n(x), 8, n=nn.RMSNorm(8)),
    "rms_norm: no weight": rows(lambda m, x: F.rms_norm(x, (8,), eps=1e-5), 8),
    "rms_norm: fused": rows(lambda m, x: aten._fused_rms_norm(x, [8], m.w, 1e-5)[0], 8, w=weight(8)),
    "rms_norm: written": rows(lambda m, x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * m.w, 8,
                              w=weight(8)),
    "group_norm: whole groups": grouped(4, 4),
    "group_norm: offsets": grouped(2, 4),
    "group_norm: one group": grouped(1, 8),
    "group_norm: a group a channel": grouped(8, 8),
    "group_norm: after a sigmoid": images(lambda m, x: m.n(x.sigmoid()), 4, n=nn.GroupNorm(4, 8)),
    "group_norm: no weight": images(lambda m, x: m.n(x), 0, n=nn.GroupNorm(2, 8, affine=False), pins="n (group_norm)"),
    "group_norm: native, whole groups": images(native_group(4), 4, **VECTORS),
    "group_norm: native, offsets": images(native_group(2), 4, **VECTORS),
    "group_norm: written": rows(written_group, 4, **VECTORS),
    "weight divided by its norm": rows(lambda m, x: F.linear(x, m.w / m.w.norm(dim=1, keepdim=True)), 8, 7,
                                       w=weight(7, 8)),
    "weight times a scale over its norm": rows(
        lambda m, x: F.linear(x, m.w * (m.g / m.w.norm(dim=1, keepdim=True))), 8, 7, w=weight(7, 8), g=weight(7, 1)),
    "weight normalised": rows(lambda m, x: F.linear(x, F.normalize(m.w, dim=1)), 8 + 7, 7, w=weight(7, 8)),
    "weight_norm": rows(lambda m, x: m.b(F.relu(x)), 8 + 7, 7, b=weight_normed(nn.Linear(8, 7))),
    "weight_norm: convolution": images(lambda m, x: m.b(F.relu(x)), 8 + 7, 7, b=weight_normed(nn.Conv2d(8, 7, 3))),
    "weight_norm: through a head": net(
        lambda m, x: m.h(m.a(x)), (drawn(4, 5),), 8, {}, a=weight_normed(nn.Linear(5, 8)), h=nn.Linear(8, 3)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_norms(case):
    check(CASES[case])
