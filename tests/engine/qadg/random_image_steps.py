"""Steps of random image networks: tensors are [batch, channels, height, width], channels even, sides even."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.engine.qadg.random_image_mixing import STEPS as MIXING
from tests.engine.qadg.random_image_mixing import WIDTHS
from tests.engine.qadg.random_networks import ACTS, Parts, StepFunction, pick, registering

STEPS: dict[str, StepFunction] = dict(MIXING)
step = registering(STEPS)


def example(size: int) -> tuple[Tensor, ...]:
    height, width = pick(((8, 8), (8, 4), (4, 4)), size)
    return (torch.randn(2, 3, height, width),)


def stem(at: Parts, x: Tensor, n: int) -> Tensor:
    return at.conv(x, pick(WIDTHS, n), 3)


def head(at: Parts, x: Tensor, n: int) -> Tensor:
    if n % 3 == 0:
        return at.conv(x, 5).mean((2, 3))
    if n % 3 == 1:
        return at.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), 5)
    return at.linear(F.adaptive_max_pool2d(x, 2).flatten(1), 5)


def resized_like(at: Parts, y: Tensor, x: Tensor, channels: int | None = None) -> Tensor:
    """y made to have the size of x, and its channels unless others are named; as it is where it fits."""
    if y.shape[2:] != x.shape[2:]:
        y = F.adaptive_avg_pool2d(y, x.shape[2:]) if y.shape[2] > x.shape[2] else F.interpolate(y, x.shape[2:])
    channels = channels or x.shape[1]
    return y if y.shape[1] == channels else at.conv(y, channels)


@step
def conv(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return at.conv(x, pick(WIDTHS, n), pick((3, 1), m), bias=m % 3 != 2)


@step
def block(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    y = at.conv(x, pick(WIDTHS, n), 3, bias=False)
    return pick(ACTS[:6], m)(at.layer(lambda: nn.BatchNorm2d(y.shape[1]))(y))


def dividing(channels: int, *groups: int) -> tuple[int, ...]:
    """Those numbers of groups that the channels can be dealt out to evenly: earlier steps may leave an odd number."""
    return tuple(number for number in groups if number and channels % number == 0)


@step
def grouped(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    channels = x.shape[1]
    groups = pick(dividing(channels, 2, channels // 2, channels), n)
    return at.conv(x, groups * pick((1, 2, 3), m), pick((1, 3), m), groups)


@step
def depthwise_separable(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return at.conv(pick(ACTS, m)(at.conv(x, x.shape[1], 3, x.shape[1], bias=m % 2 == 0)), pick(WIDTHS, n))


@step
def transposed(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    channels = x.shape[1]
    groups = pick(dividing(channels, 1, 2, channels, channels // 2), n)
    out = groups * pick((2, 1, 3), m) if groups > 1 else pick(WIDTHS, m)
    k, stride = (2, 2) if x.shape[2] < 8 else (1, 1)
    return at.layer(lambda: nn.ConvTranspose2d(channels, out, k, stride, groups=groups, bias=m % 2 == 0))(x)


@step
def inverted(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    wide = pick(ACTS, m)(at.conv(x, 2 * x.shape[1]))
    wide = pick(ACTS, n)(at.conv(wide, wide.shape[1], 3, wide.shape[1]))
    return x + at.conv(wide, x.shape[1])


@step
def norm(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    channels = x.shape[1]
    groups = pick((2, channels // 2, 1, channels), m)
    kinds = (
        lambda: nn.BatchNorm2d(channels, affine=m % 3 != 2),
        lambda: nn.GroupNorm(groups, channels, affine=m % 3 != 2),
        lambda: nn.InstanceNorm2d(channels, affine=m % 2 == 0, track_running_stats=m % 3 == 0),
    )
    return at.layer(pick(kinds, n))(x)


@step
def channel_last_norm(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    kind = pick((nn.LayerNorm, nn.RMSNorm), n)
    return at.layer(lambda: kind(x.shape[1], elementwise_affine=m % 3 != 2))(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@step
def act(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return pick(ACTS, n)(x)


@step
def prelu(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return at.layer(lambda: nn.PReLU(pick((x.shape[1], 1), n)))(x)


@step
def residual(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    return pick((torch.add, torch.sub, torch.maximum, torch.mul), n)(x, resized_like(at, y, x))


@step
def bottleneck(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    inner = pick(ACTS, m)(at.conv(x, pick(WIDTHS, n), 3))
    return F.relu(x + at.layer(lambda: nn.BatchNorm2d(x.shape[1]))(at.conv(inner, x.shape[1])))


@step
def gate(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    return x * pick((torch.sigmoid, torch.tanh, F.hardsigmoid, F.softplus, lambda z: 1 + z), n)(resized_like(at, y, x))


@step
def concat(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    y = resized_like(at, y, x, y.shape[1])
    made = (lambda: [x, y], lambda: [y, x, y], lambda: [x, F.relu(x)], lambda: [x, y.mean(1, keepdim=True), y[:, :1]])
    joined = torch.cat(pick(made, n)(), 1)
    return at.conv(joined, pick(WIDTHS, m)) if m % 2 or n % 4 == 3 else joined[:, :24]


@step
def halves(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    a, b = x.chunk(2, 1)
    made = (
        lambda: torch.cat([b, a], 1),
        lambda: torch.cat([F.relu(a), a + b], 1),
        lambda: torch.cat([a * torch.sigmoid(b), b], 1),
        lambda: torch.cat([at.conv(a, a.shape[1], 3), b], 1),
        lambda: torch.cat([torch.maximum(a, b), a * b], 1),
        lambda: torch.stack([a, b], 2).flatten(1, 2),
        lambda: x * torch.sigmoid(a.mean(1, True)),
        lambda: torch.cat([F.max_pool2d(a, 3, 1, 1), F.avg_pool2d(b, 3, 1, 1)], 1),
        lambda: torch.cat([F.interpolate(a, scale_factor=2)[:, :, ::2, ::2], b.mean((2, 3), True).expand_as(b)], 1),
        lambda: x * a.std(1, keepdim=True),
    )
    return pick(made, n)()


@step
def glu(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return F.glu(at.conv(x, 2 * pick(WIDTHS, n)), 1)


@step
def uneven_split(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    cut = 1 + n % (x.shape[1] - 1)
    a, b = torch.split(x, [cut, x.shape[1] - cut], 1)
    return torch.cat([b, pick(ACTS, m)(a)], 1)


@step
def channel_slice(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    channels = x.shape[1]
    made = (
        lambda: torch.cat([x[:, : channels // 2], x[:, channels // 2 :] * 2], 1),
        lambda: torch.cat([x[:, ::2], x[:, 1::2]], 1),
        lambda: torch.cat([x[:, 1:], x[:, :1]], 1),
        lambda: at.conv(x[:, : channels - 2], pick(WIDTHS, m)),
        lambda: x + x[:, 1:2],
        lambda: at.conv(x.narrow(1, 1, channels - 2), pick(WIDTHS, m)),
    )
    return pick(made, n)()


@step
def channel_shuffle(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    groups = pick((2, x.shape[1] // 2), n)
    if m % 3 == 2:
        return F.channel_shuffle(x, groups)
    return x.view(-1, groups, x.shape[1] // groups, *x.shape[2:]).transpose(1, 2).flatten(1, 2)


@step
def pixel_shuffle(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    if n % 2 and x.shape[2] >= 4:
        return at.conv(F.pixel_unshuffle(x, 2), pick(WIDTHS, m))
    return F.avg_pool2d(F.pixel_shuffle(at.conv(x, 4 * pick(WIDTHS[:3], m)), 2), 2)


@step
def pool(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    if x.shape[2] < 4 or x.shape[3] < 4:
        return F.max_pool2d(x, 3, 1, 1)
    return pick((F.max_pool2d, F.avg_pool2d, lambda z, k: F.adaptive_avg_pool2d(z, (2, 2))), n)(x, 2)


@step
def upsample(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    mode = pick(("nearest", "bilinear"), n)
    return F.interpolate(x, (4, 4), mode=mode) if x.shape[2] < 4 else F.interpolate(x, x.shape[2:], mode=mode)


@step
def channel_pad(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return F.pad(x, (0, 0, 0, 0, n % 3, 2 + n % 3), value=pick((0.0, 0.0, 0.5), m))[:, :24]


@step
def option_a_shortcut(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return F.pad(x, (0, 0, 0, 0, 1, 1)) + at.conv(x, x.shape[1] + 2, 3)


@step
def spatial_pad(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode=pick(("constant", "reflect", "replicate"), n))[:, :, 1:-1, 1:-1]


@step
def flip_or_roll(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    moved = (lambda: x.flip(1), lambda: x.roll(1 + m, 1), lambda: x.flip(1, 2), lambda: x.roll((1, 1), (1, 3)))
    return pick(moved, n)() if m % 2 else x + pick(moved, n)()


@step
def permuted(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    order = at.constant(lambda: torch.randperm(x.shape[1]))
    return x[:, order] if n % 2 else torch.index_select(x, 1, order)


@step
def shared_conv(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    shared = at.layer(lambda: nn.Conv2d(x.shape[1], x.shape[1], 3, padding=1))
    if n % 2:
        return shared(F.relu(shared(x)))
    return (
        torch.cat([shared(x), F.relu(shared(resized_like(at, y, x)))], 1)[:, :24]
        if m % 2
        else shared(x) * shared(resized_like(at, y, x))
    )


@step
def layer_scale(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    scale = at.parameter(x.shape[1], 1, 1)
    made = (
        lambda: x * scale,
        lambda: x + scale,
        lambda: x * (1 + scale),
        lambda: x * scale.sigmoid(),
        lambda: x * scale + at.parameter(x.shape[1], 1, 1),
    )
    return pick(made, n)()


@step
def einsum_conv(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return torch.einsum("bchw,dc->bdhw", x, at.parameter(pick(WIDTHS, n), x.shape[1]))
