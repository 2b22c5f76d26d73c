"""Convolutions of every rank, transposed, grouped and depthwise."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from torch import nn

from .cases import aten, check, drawn, images, net, weight

_LAYERS = {
    1: (nn.Conv1d, nn.ConvTranspose1d),
    2: (nn.Conv2d, nn.ConvTranspose2d),
    3: (nn.Conv3d, nn.ConvTranspose3d),
}


def chain(dims: int):
    """Depthwise, dense and transposed: 8, 6 and 7 channels."""
    convolution, transposed = _LAYERS[dims]
    return images(
        lambda m, x: m.up(F.relu(m.dense(m.depthwise(x)))), 8 + 6 + 7, 7, 4, dims,
        depthwise=convolution(8, 8, 3, padding=1, groups=8), dense=convolution(8, 6, 3, dilation=2, padding=2),
        up=transposed(6, 7, 2, stride=2),
    )  # fmt: skip


def core(transposed: bool, groups: int):
    def body(m, x):
        return aten.convolution(F.relu(x), m.w, m.b, [1, 1], [1, 1], [1, 1], transposed, [0, 0], groups)

    return body


CASES = {
    "conv1d": chain(1),
    "conv2d": chain(2),
    "conv3d": chain(3),
    "padding same": images(lambda m, x: m.b(F.relu(x)), 8 + 6, 6, b=nn.Conv2d(8, 6, 3, padding="same")),
    "depthwise to many": images(lambda m, x: m.b(x), 8, 16, b=nn.Conv2d(8, 16, 3, padding=1, groups=8)),
    "whole groups": images(lambda m, x: m.b(x), 4, b=nn.Conv2d(8, 8, 3, groups=4)),
    "offsets of groups": images(lambda m, x: m.b(x), 4 + 6, 12, b=nn.Conv2d(8, 12, 3, groups=2)),
    "grouped after a sigmoid": images(
        lambda m, x: m.b(x.sigmoid()), 6, 12, b=nn.Conv2d(8, 12, 3, groups=2), pins="turns zeros into other numbers"
    ),
    "depthwise after a sigmoid": images(lambda m, x: m.b(x.sigmoid()), 8, b=nn.Conv2d(8, 8, 3, groups=8)),
    "transposed depthwise": images(lambda m, x: m.b(x), 8, b=nn.ConvTranspose2d(8, 8, 2, 2, groups=8)),
    "transposed offsets": images(lambda m, x: m.b(x), 4 + 4, b=nn.ConvTranspose2d(8, 8, 2, 2, groups=2)),
    "depthwise on the input": net(
        lambda m, x: m.h(F.relu(m.a(x))).mean((2, 3)),
        (drawn(2, 3, 8, 8),),
        0,
        {"a.weight": "reads channels that nothing in the model produces"},
        a=nn.Conv2d(3, 6, 3, groups=3),
        h=nn.Conv2d(6, 5, 1),
    ),
    "without biases": images(lambda m, x: m.b(F.relu(x)), 8 + 6, 6, b=nn.Conv2d(8, 6, 3, bias=False)),
    "core": images(core(False, 1), 8 + 6, 6, w=weight(6, 8, 3, 3), b=weight(6)),
    "core transposed": images(core(True, 1), 8 + 6, 6, w=weight(8, 6, 3, 3), b=weight(6)),
    "core depthwise": images(core(False, 8), 8, w=weight(8, 1, 3, 3), b=weight(8)),
    "core offsets": images(core(False, 2), 4 + 4, w=weight(8, 4, 3, 3), b=weight(8)),
    "core transposed offsets": images(core(True, 2), 4 + 4, w=weight(8, 4, 3, 3), b=weight(8)),
    "core whole groups": images(core(False, 4), 4, w=weight(8, 2, 3, 3), b=weight(8)),
}


@pytest.mark.parametrize("case", CASES)
def test_convolution(case):
    check(CASES[case])
