"""Rows: small convolutional networks, each around one mechanism: norms over groups, concatenation, padding ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from tests.engine.architectures.row import Architecture, Built

Input = tuple[int, ...] | Callable[[], Tensor]
"""An example input: a shape to fill with normal numbers, or a function that makes the tensor."""

CONVOLUTIONS = nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d
"""Their weights are drawn larger than by default, so that a signal arrives at the end of a deep stack."""


def row(
    name: str, make: Callable[[], nn.Module], *inputs: Input, named: dict[str, Input] | None = None, **more: Any
) -> Architecture:
    """A row whose weights and inputs are drawn from one seed; `named` are inputs passed by keyword."""

    def build() -> Built:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = make().eval()
            for module in model.modules():
                if isinstance(module, CONVOLUTIONS):
                    nn.init.kaiming_normal_(module.weight)
            args = tuple(_example(entry) for entry in inputs)
            return model, args, {key: _example(entry) for key, entry in (named or {}).items()}

    return Architecture(name, build, **more)


def _example(entry: Input) -> Tensor:
    return entry() if callable(entry) else torch.randn(entry)


def net(forward: Callable[..., Any], **parts: Any) -> nn.Module:
    """A module made of `parts` whose forward is the given function of itself and its inputs."""
    module = type("Net", (nn.Module,), {"forward": forward})()
    for name, part in parts.items():
        setattr(module, name, part)
    return module


def conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Convolution, BatchNorm, activation; the size is kept at stride 1."""
    weights = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(weights, nn.BatchNorm2d(outputs), act())


def classifier(*body: nn.Module, width: int) -> nn.Sequential:
    """A convolutional body with `width` channels at its end, mean over the pixels, seven classes."""
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 7))


def weight(*shape: int) -> nn.Parameter:
    """A raw parameter, scaled as a linear layer's over its second to last dim."""
    return nn.Parameter(torch.randn(shape) / shape[-2 if len(shape) > 1 else -1] ** 0.5)


def linears(bias: bool = True, **sizes: tuple[int, int]) -> dict[str, nn.Module]:
    return {name: nn.Linear(*size, bias=bias) for name, size in sizes.items()}


class Add(nn.Sequential):
    """`x + body(x)`."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Concat(nn.ModuleList):
    """The results of all branches, concatenated over channels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], 1)


def plain(inputs: int, outputs: int, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, **more)


def normed(groups: int, width: int) -> nn.Module:
    """Convolution, GroupNorm, convolution, classes."""
    return classifier(
        plain(3, width, bias=groups < width),
        nn.GroupNorm(groups, width),
        nn.ReLU(),
        plain(width, 36),
        nn.ReLU(),
        width=36,
    )


def group_norm_residual() -> nn.Module:
    """The stream of 32 is normed in groups of 4 before each branch, the inner 20 in groups of 4."""
    first = Add(nn.GroupNorm(8, 32), nn.SiLU(), plain(32, 20), nn.GroupNorm(5, 20), nn.SiLU(), plain(20, 32))
    second = Add(nn.GroupNorm(8, 32), nn.SiLU(), plain(32, 24), nn.SiLU(), plain(24, 32))
    return classifier(plain(3, 32), first, second, nn.GroupNorm(8, 32), nn.SiLU(), width=32)


def group_norm_concat() -> nn.Module:
    """20 + 28 channels in 6 groups of 8: the third group holds channels of both."""
    return classifier(
        Concat([plain(3, 20), nn.Conv2d(3, 28, 1)]), nn.GroupNorm(6, 48), nn.ReLU(), plain(48, 36), nn.ReLU(), width=36
    )


def pixel_shuffle() -> nn.Module:
    """Super-resolution by a pixel shuffle between convolutions."""
    grow = plain(24, 9 * 14), nn.PixelShuffle(3), nn.ReLU()
    return nn.Sequential(nn.Conv2d(3, 24, 5, padding=2), nn.Tanh(), *grow, plain(14, 3))


def generator() -> nn.Module:
    """Noise to an image by transposed convolutions with affine InstanceNorm."""

    def grow(inputs: int, outputs: int) -> list[nn.Module]:
        up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
        return [up, nn.InstanceNorm2d(outputs, affine=True), nn.LeakyReLU(0.2)]

    start = nn.Linear(18, 40 * 15), nn.Unflatten(1, (40, 3, 5)), nn.ReLU()
    return nn.Sequential(*start, *grow(40, 28), *grow(28, 20), plain(20, 3), nn.Tanh())


def shared_conv(m: nn.Module, x: Tensor) -> Tensor:
    x = F.relu(m.shared(F.relu(m.enter(x))))
    return m.leave(F.relu(m.shared(x)).mean((2, 3)))


def concat_nested(m: nn.Module, x: Tensor) -> Tensor:
    a, b, c = F.relu(m.a(x)), F.relu(m.b(x)), F.relu(m.c(x))
    left = torch.cat((a, b), 1)
    whole = torch.cat((left, c, torch.cat((F.relu(m.d(left)), a), 1)), 1)
    return m.leave(whole.mean((2, 3)))


def concat_self(m: nn.Module, x: Tensor) -> Tensor:
    x = F.relu(m.enter(x))
    return m.leave(F.relu(m.mix(torch.cat((x, x), 1))).mean((2, 3)))


def convnext_block(m: nn.Module, x: Tensor) -> Tensor:
    """Depthwise 7 x 7, LayerNorm over channels last, MLP, a learned scale per channel, residual."""
    x = m.enter(x)
    h = m.fc2(F.gelu(m.fc1(m.norm(m.depthwise(x).permute(0, 2, 3, 1)))))
    x = x + (m.scale * h).permute(0, 3, 1, 2)
    return m.leave(x.mean((2, 3)))


def convnext() -> nn.Module:
    return net(
        convnext_block,
        enter=nn.Conv2d(3, 24, 4, 4),
        depthwise=nn.Conv2d(24, 24, 7, padding=3, groups=24),
        norm=nn.LayerNorm(24),
        scale=weight(24),
        **linears(fc1=(24, 52), fc2=(52, 24), leave=(24, 7)),
    )


def channel_shuffle() -> nn.Module:
    """ShuffleNet's: a grouped 1 x 1, the shuffle, a grouped 3 x 3."""
    shuffled = conv(24, 24, 1, groups=3), nn.ChannelShuffle(3), conv(24, 36, groups=3)
    return classifier(conv(3, 24), *shuffled, conv(36, 28, 1), width=28)


class SqueezeExcite(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.shrink, self.grow = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = F.relu(self.shrink(F.adaptive_avg_pool2d(x, 1)))
        return x * torch.sigmoid(self.grow(gate))


class Ghost(nn.Module):
    """A 1 x 1 convolution makes half the channels, a depthwise one makes the other half from these."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.primary, self.cheap = conv(inputs, outputs // 2, 1), conv(outputs // 2, outputs // 2, groups=outputs // 2)

    def forward(self, x: Tensor) -> Tensor:
        primary = self.primary(x)
        return torch.cat((primary, self.cheap(primary)), 1)


class OptionA(nn.Module):
    """ResNet's parameter-free shortcut: every other pixel, zero channels added on both sides."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(inputs, outputs, stride=2), conv(outputs, outputs, act=nn.Identity))
        self.extra = (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra, self.extra))
        return F.relu(self.body(x) + shortcut)


class WaveBlock(nn.Module):
    """Dilated causal convolutions, tanh times sigmoid, 1 x 1 back; residual."""

    def __init__(self, width: int, inner: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.filter = nn.Conv1d(width, inner, 3, dilation=dilation)
        self.gate = nn.Conv1d(width, inner, 3, dilation=dilation)
        self.back = nn.Conv1d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (2 * self.dilation, 0))
        return x + self.back(torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded)))


def audio() -> nn.Module:
    """1-d: a strided convolution of the waveform, WaveNet blocks, classes."""
    enter = nn.Conv1d(1, 20, 9, 4), nn.BatchNorm1d(20), nn.ReLU(), nn.MaxPool1d(2)
    blocks = [WaveBlock(20, 28, 2**i) for i in range(3)]
    return nn.Sequential(*enter, *blocks, nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(20, 7))


def conv3d() -> nn.Module:
    first = nn.Conv3d(1, 14, 3, padding=1, bias=False), nn.BatchNorm3d(14), nn.ReLU(inplace=True), nn.MaxPool3d(2)
    second = nn.Conv3d(14, 24, 3, padding=1, bias=False), nn.BatchNorm3d(24), nn.ReLU(inplace=True)
    return nn.Sequential(*first, *second, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, 7))


def two_by_two(m: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Two inputs, fused by a product and a sum; one output of classes, one that restores `y`."""
    a, b = F.relu(m.a(x)).mean((2, 3)), F.relu(m.b(y))
    fused = F.relu(m.fuse(a + b))
    return {"classes": m.classes(fused), "restored": m.restore(F.relu(m.wide(a * b)))}


IMAGE = (2, 3, 10, 14)
ROWS: tuple[Architecture, ...] = (
    row("groupnorm_conv", lambda: normed(6, 24), IMAGE, fast=True),
    row("groupnorm_residual", group_norm_residual, IMAGE),
    row("groupnorm_layer", lambda: normed(1, 20), IMAGE),
    row("groupnorm_channel", lambda: normed(28, 28), IMAGE),
    row("groupnorm_concat", group_norm_concat, IMAGE),
    row("pixel_shuffle", pixel_shuffle, (2, 3, 9, 11), fast=True),
    row("pixel_unshuffle", lambda: classifier(conv(3, 14), nn.PixelUnshuffle(2), conv(56, 24), width=24), IMAGE),
    row("generator_instancenorm", generator, (2, 18)),
    row("grouped_conv", lambda: classifier(conv(3, 24), conv(24, 24, groups=4), conv(24, 36), width=36), IMAGE),
    row("grouped_conv_ratio", lambda: classifier(conv(3, 16), conv(16, 32, groups=4), conv(32, 28), width=28), IMAGE),
    row(
        "depthwise_multiplier",
        lambda: classifier(conv(3, 20), conv(20, 40, groups=20), conv(40, 28, 1), width=28),
        IMAGE,
    ),
    row("channel_shuffle", channel_shuffle, IMAGE),
    row("squeeze_excite", lambda: classifier(conv(3, 28), SqueezeExcite(28, 12), conv(28, 36), width=36), IMAGE),
    row("ghost", lambda: classifier(conv(3, 16), Ghost(16, 28), Ghost(28, 44), width=44), IMAGE),
    row("padded_shortcut", lambda: classifier(conv(3, 16), OptionA(16, 24), OptionA(24, 40), width=40), (2, 3, 12, 20)),
    row("prelu", lambda: classifier(plain(3, 24), nn.PReLU(24), plain(24, 36), nn.PReLU(36), width=36), IMAGE),
    row(
        "weight_norm",
        lambda: classifier(weight_norm(plain(3, 24)), nn.ReLU(), weight_norm(plain(24, 36)), width=36),
        IMAGE,
    ),
    row(
        "shared_conv", lambda: net(shared_conv, enter=plain(3, 24), shared=plain(24, 24), leave=nn.Linear(24, 7)), IMAGE
    ),
    row(
        "concat_nested",
        lambda: net(
            concat_nested, a=plain(3, 12), b=plain(3, 20), c=plain(3, 16), d=plain(32, 14), leave=nn.Linear(74, 7)
        ),
        IMAGE,
        fast=True,
    ),
    row("concat_self", lambda: net(concat_self, enter=plain(3, 20), mix=plain(40, 28), leave=nn.Linear(28, 7)), IMAGE),
    row("param_scale", convnext, (2, 3, 20, 28), fast=True),
    row("audio", audio, (2, 1, 176)),
    row("conv3d", conv3d, (2, 1, 6, 8, 10)),
    row(
        "two_inputs_outputs",
        lambda: net(
            two_by_two,
            a=plain(3, 24),
            **linears(b=(11, 24), fuse=(24, 36), classes=(36, 7), wide=(24, 32), restore=(32, 11)),
        ),
        IMAGE,
        named={"y": (2, 11)},
    ),
)
