"""Steps of random image networks that mix channels or places by numbers of the image itself: gates and attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.engine.qadg.random_networks import ACTS, Parts, StepFunction, pick, registering

WIDTHS = (8, 6, 10, 12, 4, 14)
STEPS: dict[str, StepFunction] = {}
step = registering(STEPS)


@step
def squeeze_excite(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    pooled = pick((lambda z: z.mean((2, 3), keepdim=True), lambda z: F.adaptive_avg_pool2d(z, 1)), n)(x)
    return x * torch.sigmoid(at.conv(F.relu(at.conv(pooled, pick(WIDTHS, m))), x.shape[1]))


@step
def squeeze_excite_linear(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    weights = torch.sigmoid(at.linear(pick(ACTS, n)(at.linear(x.mean((2, 3)), pick(WIDTHS, m))), x.shape[1]))
    return x * weights[:, :, None, None]


@step
def spatial_attention(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    made = (
        lambda: torch.cat([x.mean(1, True), x.sum(1, True)], 1),
        lambda: torch.cat([x.mean(1, True), x.amax(1, True)], 1),
        lambda: x.var(1, keepdim=True),
        lambda: x.std(1, keepdim=True, unbiased=False) + x.mean(1, True),
    )
    return x * torch.sigmoid(at.conv(pick(made, n)(), 1, 3))


@step
def tokens_and_back(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    height, width = x.shape[2:]
    t = x.flatten(2).transpose(1, 2)
    t = at.linear(at.layer(lambda: nn.LayerNorm(t.shape[-1]))(t), pick(WIDTHS, n))
    return t.transpose(1, 2).reshape(-1, t.shape[-1], height, width)


@step
def global_context(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    weights = torch.softmax(at.conv(x, 1).flatten(2), -1)
    context = (x.flatten(2) @ weights.transpose(1, 2)).unsqueeze(-1)
    return x + at.conv(F.relu(at.conv(context, pick(WIDTHS, n))), x.shape[1])


@step
def self_attention(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick((2, 1), m), pick((2, 3, 4), n)
    q, k, v = (z.unflatten(1, (heads, size)).flatten(3) for z in at.conv(x, 3 * heads * size).chunk(3, 1))
    mixed = v @ torch.softmax(q.transpose(-2, -1) @ k * size**-0.5, -1).transpose(-2, -1)
    return x + at.conv(mixed.reshape(-1, heads * size, *x.shape[2:]), x.shape[1])


@step
def channel_attention(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    flat = x.flatten(2)
    scores = torch.softmax(flat @ flat.transpose(1, 2) / 8, -1) if n % 2 else flat @ flat.transpose(1, 2) / 64
    return x + (scores @ flat).view(-1, *x.shape[1:])


@step
def selective_kernel(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    branches = torch.stack([at.conv(x, x.shape[1], 3), at.conv(x, x.shape[1])], 1)
    pooled = at.conv(branches.sum(1).mean((2, 3), True), 2 * x.shape[1])
    return (branches * pooled.unflatten(1, (2, -1)).softmax(1)).sum(1)


@step
def standardized_conv(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    weight = at.parameter(pick(WIDTHS, n), x.shape[1], 1, 1)
    scale = at.parameter(weight.shape[0], 1, 1, 1)
    made = (
        lambda: weight * scale,
        lambda: weight - weight.mean((1, 2, 3), True),
        lambda: weight * weight.sigmoid(),
        lambda: F.normalize(weight, dim=1),
    )
    return F.conv2d(x, pick(made, m)(), at.parameter(weight.shape[0]) if m % 2 else None)


@step
def over_channels(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    made = (lambda: F.normalize(x, dim=1), lambda: x.cumsum(1), lambda: x.softmax(1), lambda: x - x.mean(1, True),
            lambda: x / (1 + x.std(1, keepdim=True)), lambda: x * x.pow(2).mean(1, True))  # fmt: skip
    return pick(made, n)()


@step
def windows(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    w = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 2, 4, 3, 5, 1).flatten(3, 4)
    w = at.linear(w, x.shape[1]).unflatten(3, (2, 2))
    return x + w.permute(0, 5, 1, 3, 2, 4).reshape(-1, *x.shape[1:])


@step
def maxout(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    pairs = at.conv(x, 2 * pick(WIDTHS, m)).unflatten(1, pick(((-1, 2), (2, -1)), n))
    dim = 2 - n % 2
    made = (pairs.amax, pairs.mean, pairs.sum, lambda d: (pairs.softmax(d) * pairs).sum(d), lambda d: pairs.norm(dim=d))
    return pick(made, m)(dim)
