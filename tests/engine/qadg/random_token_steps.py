"""Steps of random token networks: tensors are [batch, length, features], features even; lengths may differ."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.engine.qadg.random_attention_steps import STEPS as ATTENTION
from tests.engine.qadg.random_attention_steps import WIDTHS
from tests.engine.qadg.random_networks import ACTS, Parts, StepFunction, pick, registering

STEPS: dict[str, StepFunction] = dict(ATTENTION)
step = registering(STEPS)


def example(size: int) -> tuple[Tensor, ...]:
    return (torch.randn(2, *pick(((5, 7), (6, 9), (7, 5)), size)),)


def stem(at: Parts, x: Tensor, n: int) -> Tensor:
    y = at.linear(x, pick(WIDTHS, n))
    return y + at.parameter(1, *y.shape[1:]) if n % 2 else y


def head(at: Parts, x: Tensor, n: int) -> Tensor:
    if n % 3 == 0:
        return at.linear(x.mean(1), 3)
    return at.linear(x, 3).mean(1) if n % 3 == 1 else at.linear(x[:, 0], 3)


def resized_like(at: Parts, y: Tensor, x: Tensor, width: int | None = None) -> Tensor:
    """y made to have the length of x (or 1), and its width unless another is named; as it is where it fits."""
    y = y if y.shape[1] == x.shape[1] else y.mean(1, keepdim=True)
    width = width or x.shape[2]
    return y if y.shape[2] == width else at.linear(y, width)


@step
def linear(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return at.linear(x, pick(WIDTHS, n), bias=m % 3 != 2)


@step
def norm(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    kind = pick((nn.LayerNorm, nn.RMSNorm), n)
    return at.layer(lambda: kind(x.shape[-1], elementwise_affine=m % 3 != 2))(x)


@step
def written_norm(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    scale = at.parameter(x.shape[-1])
    if n % 2:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * (scale if m % 2 else 1 + scale)
    centred = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=m % 2 == 0) + 1e-5).sqrt()
    return centred * scale if m % 3 else centred * scale + at.parameter(x.shape[-1])


@step
def act(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    return pick(ACTS, n)(x)


@step
def mlp(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    inner = pick(ACTS, m)(at.linear(at.layer(lambda: nn.LayerNorm(x.shape[-1]))(x), pick(WIDTHS, n)))
    return x + at.linear(inner, x.shape[-1])


@step
def gated_mlp(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    wide = pick(WIDTHS, n)
    if m % 3 == 0:
        inner = F.silu(at.linear(x, wide)) * at.linear(x, wide)
    elif m % 3 == 1:
        a, b = at.linear(x, 2 * wide).chunk(2, -1)
        inner = a * torch.sigmoid(b)
    else:
        inner = F.glu(at.linear(x, 2 * wide), -1)
    return x + at.linear(inner, x.shape[-1])


@step
def grouped_linear(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    groups = pick((2, x.shape[-1] // 2), n)
    z = x.unflatten(-1, (groups, -1))
    out = pick((2, 4), m)
    mixed = torch.einsum("blgi,gio->blgo", z, at.parameter(groups, z.shape[-1], out))
    return (mixed + at.parameter(groups, out)).flatten(2) if m % 2 else mixed.transpose(2, 3).flatten(2)


@step
def experts(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    weights = torch.softmax(at.linear(x, 2), -1)
    each = torch.stack([at.linear(F.relu(at.linear(x, pick(WIDTHS, n))), x.shape[-1]) for _ in range(2)], -2)
    return (weights.unsqueeze(-1) * each).sum(-2) if m % 2 else torch.einsum("ble,bled->bld", weights, each)


@step
def modulation(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    scale, shift = at.linear(y.mean(1), 2 * x.shape[-1])[:, None].chunk(2, -1)
    return x * (1 + scale) + shift if m % 2 else x * scale + shift


@step
def residual(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    return pick((torch.add, torch.sub, torch.mul, torch.minimum), n)(x, resized_like(at, y, x))


@step
def concat(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    y = resized_like(at, y, x, y.shape[-1]).expand(-1, x.shape[1], -1)
    return at.linear(torch.cat([x, y] if n % 2 else [y, x, F.relu(x)], -1), pick(WIDTHS, m))


@step
def concat_tokens(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    if n % 3 == 0:
        return torch.cat([at.parameter(1, 1, x.shape[-1]).expand(x.shape[0], -1, -1), x], 1)[:, :9]
    y = resized_like(at, y, x)
    return torch.cat([x, y], 1)[:, :9] if n % 3 == 1 else torch.cat([x[:, :1] * 2, x[:, 1:]], 1)


@step
def uneven_split(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    cut = 1 + n % (x.shape[-1] - 1)
    a, b = x.split([cut, x.shape[-1] - cut], -1)
    if n % 4 == 3:
        return x * torch.sigmoid(a.mean(-1, keepdim=True))
    if n % 4 == 2:
        return x + F.avg_pool1d(b.transpose(1, 2), 3, 1, 1).transpose(1, 2).sum(-1, keepdim=True)
    return torch.cat([pick(ACTS, m)(b), a], -1)


@step
def over_time(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    width = x.shape[-1]
    made = (
        lambda: x.cumsum(1),
        lambda: x + F.pad(x, (0, 0, 1, 0))[:, :-1],
        lambda: x - x.mean(1, keepdim=True),
        lambda: x * x.softmax(1),
        lambda: at.layer(lambda: nn.Conv1d(width, width, 3, padding=1, groups=width))(x.transpose(1, 2)).transpose(
            1, 2
        ),
        lambda: at.layer(lambda: nn.Conv1d(width, pick(WIDTHS, m), 3, padding=1))(x.transpose(1, 2)).transpose(1, 2),
    )
    return pick(made, n)()


@step
def shared_linear(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    shared = at.layer(lambda: nn.Linear(x.shape[-1], x.shape[-1]))
    return shared(F.relu(shared(x))) if n % 2 else shared(x) * torch.tanh(shared(resized_like(at, y, x)))


@step
def tied_weight(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    weight = at.parameter(pick(WIDTHS, n), x.shape[-1])
    return pick(ACTS, m)(x @ weight.t()) @ weight


@step
def low_rank(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    out = pick(WIDTHS, n)
    return at.linear(x, out) + x @ at.parameter(x.shape[-1], 3) @ at.parameter(3, out)


@step
def mixing(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    z = pick(ACTS, m)(at.linear(x.transpose(1, 2), pick(WIDTHS, n), bias=m % 2 == 0))
    return x + at.linear(z, x.shape[1], bias=n % 2 == 0).transpose(1, 2)


@step
def scale_shift(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    made = (
        lambda a: x * a,
        lambda a: x + at.parameter(*x.shape[1:]),
        lambda a: x * a + at.parameter(x.shape[-1]),
        lambda a: x * (1 + a),
        lambda a: x + a.exp(),
        lambda a: x * at.parameter(*x.shape[1:]),
        lambda a: x / (1 + a.square()),
    )
    return pick(made, n)(at.parameter(x.shape[-1]))


@step
def moved_features(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    order = at.constant(lambda: torch.randperm(x.shape[-1]))
    made = (
        lambda: x.flip(-1),
        lambda: x.roll(1 + m, -1),
        lambda: x[..., order],
        lambda: torch.cat([x[..., 1:], x[..., :1]], -1),
        lambda: F.pad(x, (1, 1)),
    )
    return pick(made, n)() if m % 2 or n % 5 == 4 else x + pick(made, n)()
