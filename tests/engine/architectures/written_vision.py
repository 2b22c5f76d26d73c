"""Rows: vision networks written here after their papers, with true wiring and small widths."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.engine.architectures.row import Architecture
from tests.engine.architectures.written_small import Add, classifier, conv, plain, row


class UNet(nn.Module):
    """Encoder and decoder joined by concatenated skips; the decoder grows by transposed convolutions."""

    def __init__(self, widths: tuple[int, ...] = (16, 24, 40)) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Sequential(conv(i, o), conv(o, o)) for i, o in pairwise((3, *widths)))
        pairs = list(pairwise(reversed(widths)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for i, o in pairs)
        self.merge = nn.ModuleList(nn.Sequential(conv(2 * o, o), conv(o, o)) for _, o in pairs)
        self.head = nn.Conv2d(widths[0], 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for down in self.down:
            x = down(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = merge(torch.cat((skip, up(x)), 1))
        return self.head(x)


class DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features: list[Tensor]) -> Tensor:
        bottleneck = self.conv1(F.relu(self.norm1(torch.cat(features, 1)), inplace=True))
        return self.conv2(F.relu(self.norm2(bottleneck), inplace=True))


class DenseBlock(nn.ModuleList):
    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self:
            features.append(layer(features))
        return torch.cat(features, 1)


def densenet121(growth: int = 8) -> nn.Module:
    """DenseNet-121: 6, 12, 24 and 16 layers, transitions that halve."""
    width, parts = 2 * growth, [conv(3, 2 * growth, 7, stride=2), nn.MaxPool2d(3, 2, 1)]
    for block, layers in enumerate((6, 12, 24, 16)):
        if block:
            halve = nn.Conv2d(width, width // 2, 1, bias=False)
            parts += [nn.BatchNorm2d(width), nn.ReLU(inplace=True), halve, nn.AvgPool2d(2)]
            width //= 2
        parts.append(DenseBlock(DenseLayer(width + i * growth, growth) for i in range(layers)))
        width += layers * growth
    return classifier(*parts, nn.BatchNorm2d(width), nn.ReLU(inplace=True), width=width)


class ShuffleUnit(nn.Module):
    """ShuffleNetV2 unit: half the channels pass (or are shrunk), the other half is convolved, both are interleaved."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.shrinks, half = inputs != outputs, outputs // 2
        stride = 2 if self.shrinks else 1
        self.main = nn.Sequential(
            conv(inputs if self.shrinks else half, half, 1),
            conv(half, half, stride=stride, groups=half, act=nn.Identity),
            conv(half, half, 1),
        )
        if self.shrinks:
            depthwise = conv(inputs, inputs, stride=2, groups=inputs, act=nn.Identity)
            self.side = nn.Sequential(depthwise, conv(inputs, half, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.shrinks:
            out = torch.cat((self.side(x), self.main(x)), 1)
        else:
            kept, worked = x.chunk(2, 1)
            out = torch.cat((kept, self.main(worked)), 1)
        b, c, h, w = out.shape
        return out.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)


def shufflenet_v2() -> nn.Module:
    widths, repeats = (12, 20, 36, 52), (4, 8, 4)
    units = [
        ShuffleUnit(i if r == 0 else o, o) for (i, o), times in zip(pairwise(widths), repeats) for r in range(times)
    ]
    return classifier(conv(3, 12, stride=2), nn.MaxPool2d(3, 2, 1), *units, conv(52, 64, 1), width=64)


class Inception(nn.Module):
    """1 x 1; 1 x 1 - 3 x 3; 1 x 1 - 5 x 5; pool - 1 x 1: concatenated."""

    def __init__(self, inputs: int, one: int, three: tuple[int, int], five: tuple[int, int], pool: int) -> None:
        super().__init__()
        self.one = conv(inputs, one, 1)
        self.three = nn.Sequential(conv(inputs, three[0], 1), conv(*three))
        self.five = nn.Sequential(conv(inputs, five[0], 1), conv(*five, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(inputs, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.one(x), self.three(x), self.five(x), self.pool(x)), 1)


def googlenet() -> nn.Module:
    stem = (conv(3, 14, 7, stride=2), nn.MaxPool2d(3, 2, 1, ceil_mode=True), conv(14, 16, 1), conv(16, 28))
    first = Inception(28, 12, (10, 16), (6, 8), 5), Inception(41, 15, (11, 19), (6, 10), 7)
    last = Inception(51, 17, (13, 22), (7, 12), 9)
    return classifier(*stem, *first, nn.MaxPool2d(3, 2, 1, ceil_mode=True), last, nn.Dropout(0.2), width=60)


class ResNeXtBlock(nn.Module):
    def __init__(self, inputs: int, inner: int, outputs: int, stride: int, groups: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(inputs, inner, 1),
            conv(inner, inner, stride=stride, groups=groups),
            conv(inner, outputs, 1, act=nn.Identity),
        )
        changes = stride > 1 or inputs != outputs
        self.shortcut = conv(inputs, outputs, 1, stride=stride, act=nn.Identity) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        out += self.shortcut(x)
        return F.relu(out, inplace=True)


def resnext() -> nn.Module:
    plan = ((16, 20, 40, 1), (40, 20, 40, 1), (40, 28, 56, 2), (56, 28, 56, 1))
    return classifier(conv(3, 16, 7, stride=2), nn.MaxPool2d(3, 2, 1), *(ResNeXtBlock(*p) for p in plan), width=56)


class Cascade(nn.Module):
    """CARN's cascade: all results so far, concatenated, pass a 1 x 1 convolution before the next unit."""

    def __init__(self, width: int, units: list[nn.Module]) -> None:
        super().__init__()
        self.units = nn.ModuleList(units)
        self.fuse = nn.ModuleList(nn.Conv2d(width * (i + 2), width, 1) for i in range(len(units)))

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for unit, fuse in zip(self.units, self.fuse):
            seen = torch.cat((seen, unit(x)), 1)
            x = F.relu(fuse(seen))
        return x


def carn(width: int = 18) -> nn.Module:
    """Cascades within a cascade, then a pixel shuffle to twice the size."""

    def unit() -> nn.Module:
        return nn.Sequential(Add(plain(width, width), nn.ReLU(), plain(width, width)), nn.ReLU())

    cascades = [Cascade(width, [unit() for _ in range(3)]) for _ in range(3)]
    grow = plain(width, 4 * width), nn.ReLU(), nn.PixelShuffle(2)
    return nn.Sequential(plain(3, width), Cascade(width, cascades), *grow, plain(width, 3))


class CSP(nn.Module):
    """YOLO's C3: bottlenecks on one 1 x 1 branch, concatenated with another, fused by a third."""

    def __init__(self, inputs: int, outputs: int, shortcut: bool) -> None:
        super().__init__()
        half, self.shortcut = outputs // 2, shortcut
        self.left, self.right = conv(inputs, half, 1, act=nn.SiLU), conv(inputs, half, 1, act=nn.SiLU)
        self.body = nn.Sequential(conv(half, half, 1, act=nn.SiLU), conv(half, half, act=nn.SiLU))
        self.fuse = conv(2 * half, outputs, 1, act=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        left = self.left(x)
        left = left + self.body(left) if self.shortcut else self.body(left)
        return self.fuse(torch.cat((left, self.right(x)), 1))


def shrinking(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(conv(inputs, outputs, stride=2, act=nn.SiLU), CSP(outputs, outputs, True))


class SPPF(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter, self.leave = conv(width, width // 2, 1, act=nn.SiLU), conv(2 * width, width, 1, act=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        pooled = [self.enter(x)]
        for _ in range(3):
            pooled.append(F.max_pool2d(pooled[-1], 5, 1, 2))
        return self.leave(torch.cat(pooled, 1))


class Yolo(nn.Module):
    """CSP backbone, SPPF, a path up and a path down; three maps of 3 anchors x 9 numbers."""

    def __init__(self, a: int = 28, b: int = 44, c: int = 60) -> None:
        super().__init__()
        self.p3 = nn.Sequential(conv(3, 12, stride=2, act=nn.SiLU), shrinking(12, 20), shrinking(20, a))
        self.p4, self.p5 = shrinking(a, b), nn.Sequential(shrinking(b, c), SPPF(c))
        self.squeeze5, self.squeeze4 = conv(c, b, 1, act=nn.SiLU), conv(b, a, 1, act=nn.SiLU)
        self.up4, self.up3 = CSP(2 * b, b, False), CSP(2 * a, a, False)
        self.shrink3, self.shrink4 = conv(a, a, stride=2, act=nn.SiLU), conv(b, b, stride=2, act=nn.SiLU)
        self.down4, self.down5 = CSP(2 * a, b, False), CSP(2 * b, c, False)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.heads = nn.ModuleList(nn.Conv2d(width, 27, 1) for width in (a, b, c))

    def forward(self, x: Tensor) -> list[Tensor]:
        p3 = self.p3(x)
        p4 = self.p4(p3)
        top5 = self.squeeze5(self.p5(p4))
        top4 = self.squeeze4(self.up4(torch.cat((self.upsample(top5), p4), 1)))
        out3 = self.up3(torch.cat((self.upsample(top4), p3), 1))
        out4 = self.down4(torch.cat((self.shrink3(out3), top4), 1))
        out5 = self.down5(torch.cat((self.shrink4(out4), top5), 1))
        maps = [head(out) for head, out in zip(self.heads, (out3, out4, out5))]
        return [m.view(m.shape[0], 3, 9, *m.shape[2:]).permute(0, 1, 3, 4, 2).contiguous() for m in maps]


class TimedBlock(nn.Module):
    """GroupNorm - SiLU - conv twice, the time embedding added to the channels in between; residual."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(4, inputs), plain(inputs, outputs)
        self.time = nn.Linear(time, outputs)
        self.norm2, self.conv2 = nn.GroupNorm(4, outputs), plain(outputs, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class MapAttention(nn.Module):
    """Self-attention over the pixels of a map, one head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.qkv, self.proj = (
            nn.GroupNorm(4, width),
            nn.Conv2d(width, 3 * width, 1),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, c, h * w).unbind(1)
        mixed = v @ (q.transpose(1, 2) @ k / math.sqrt(c)).softmax(-1).transpose(1, 2)
        return x + self.proj(mixed.reshape(b, c, h, w))


class DiffusionUNet(nn.Module):
    """Noise predictor: a map and its timestep `[B, 1]` (sines, then an MLP) through a U-Net with attention inside."""

    def __init__(self, a: int = 20, b: int = 28, time: int = 52) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(22, time), nn.SiLU(), nn.Linear(time, time))
        self.enter = plain(3, a)
        self.down1, self.shrink = TimedBlock(a, a, time), nn.Conv2d(a, a, 3, 2, 1)
        self.down2, self.attend2 = TimedBlock(a, b, time), MapAttention(b)
        self.mid1, self.attend, self.mid2 = TimedBlock(b, b, time), MapAttention(b), TimedBlock(b, b, time)
        self.up2, self.grow = TimedBlock(2 * b, b, time), plain(b, b)
        self.up1, self.norm, self.leave = TimedBlock(b + a, a, time), nn.GroupNorm(4, a), plain(a, 3)

    def forward(self, x: Tensor, timestep: Tensor) -> Tensor:
        angles = timestep * torch.exp(torch.arange(11, device=x.device) * (-math.log(10000.0) / 11))
        time = self.embed(torch.cat((angles.sin(), angles.cos()), -1))
        skip1 = self.down1(self.enter(x), time)
        skip2 = self.attend2(self.down2(self.shrink(skip1), time))
        x = self.mid2(self.attend(self.mid1(skip2, time)), time)
        x = self.grow(F.interpolate(self.up2(torch.cat((x, skip2), 1), time), scale_factor=2.0, mode="nearest"))
        return self.leave(F.silu(self.norm(self.up1(torch.cat((x, skip1), 1), time))))


ROWS: tuple[Architecture, ...] = (
    row("unet", UNet, (2, 3, 20, 28), fast=True),
    row("densenet121", densenet121, (2, 3, 96, 160)),
    row("shufflenet_v2", shufflenet_v2, (2, 3, 96, 160)),
    row("googlenet", googlenet, (2, 3, 48, 80)),
    row("resnext", resnext, (2, 3, 40, 56), fast=True),
    row("carn", carn, (2, 3, 9, 11)),
    row("yolo", Yolo, (2, 3, 96, 160)),
    row("diffusion_unet", DiffusionUNet, (2, 3, 10, 14), lambda: torch.tensor([[3.0], [71.0]])),
)
