"""Attention in random token networks: tensors are [batch, length, features], heads [batch, heads, length, size]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.engine.qadg.random_networks import Parts, StepFunction, pick, registering

WIDTHS = (8, 12, 6, 16, 10, 4)
HEADS = ((2, 4), (3, 2), (4, 2), (2, 6))
"""(heads, size of a head)"""
STEPS: dict[str, StepFunction] = {}
step = registering(STEPS)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, L, heads * size] -> [B, heads, L, size]"""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def attend(q: Tensor, k: Tensor, v: Tensor, native: bool = False, bias: Tensor | None = None) -> Tensor:
    if native:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    return torch.softmax(scores if bias is None else scores + bias, -1) @ v


@step
def attention(at: Parts, x: Tensor, y: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    source = y if m % 2 else x
    q = split_heads(at.linear(x, heads * size), heads)
    k, v = (split_heads(at.linear(source, heads * size, bias=m % 3 != 0), heads) for _ in range(2))
    return at.linear(merge_heads(attend(q, k, v, native=m % 4 < 2)), x.shape[-1])


@step
def fused_attention(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    qkv = at.linear(x, 3 * heads * size)
    made = (
        lambda: [split_heads(z, heads) for z in qkv.chunk(3, -1)],
        lambda: qkv.unflatten(-1, (3, heads, size)).permute(2, 0, 3, 1, 4).unbind(0),
        lambda: split_heads(qkv, heads).chunk(3, -1),
        lambda: qkv.unflatten(-1, (heads, size, 3)).permute(4, 0, 2, 1, 3).unbind(0),
        lambda: [split_heads(z, heads) for z in qkv.split(heads * size, -1)],
    )
    return x + at.linear(merge_heads(attend(*pick(made, m)(), native=m % 2 == 0)), x.shape[-1])


@step
def grouped_query(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    kv, times = pick(((2, 2), (1, 4), (2, 3), (3, 1)), n)
    size = pick((2, 4), m)
    q = split_heads(at.linear(x, kv * times * size), kv * times)
    k, v = (split_heads(at.linear(x, kv * size), kv) for _ in range(2))
    if m % 3 == 0:
        k, v = (z.repeat_interleave(times, 1) for z in (k, v))
    elif m % 3 == 1:
        k, v = (z[:, :, None].expand(-1, -1, times, -1, -1).flatten(1, 2) for z in (k, v))
    else:
        return at.linear(merge_heads(F.scaled_dot_product_attention(q, k, v, enable_gqa=True)), x.shape[-1])
    return x + at.linear(merge_heads(attend(q, k, v)), x.shape[-1])


@step
def rotary(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    q, k, v = (split_heads(at.linear(x, heads * size), heads) for _ in range(3))
    cos, sin = (at.constant(lambda: torch.randn(x.shape[1], size)) for _ in range(2))

    def turned(z: Tensor) -> Tensor:
        if m % 2:
            pairs = torch.stack([-z[..., 1::2], z[..., ::2]], -1).flatten(-2)
        else:
            a, b = z.chunk(2, -1)
            pairs = torch.cat([-b, a], -1)
        return z * cos + pairs * sin

    return x + at.linear(merge_heads(attend(turned(q), turned(k), v)), x.shape[-1])


@step
def normed_heads(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    q, k, v = (split_heads(at.linear(x, heads * size), heads) for _ in range(3))
    if m % 3 == 0:
        q, k = (at.layer(lambda: nn.LayerNorm(size))(z) for z in (q, k))
    elif m % 3 == 1:
        q, k = (F.normalize(z, dim=-1) for z in (q, k))
        q = q * at.parameter(heads, 1, 1)
    else:
        v = at.layer(lambda: nn.RMSNorm(size))(v)
    return at.linear(merge_heads(attend(q, k, v)), x.shape[-1])


@step
def biased_attention(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    length = x.shape[1]
    q, k, v = (split_heads(at.linear(x, heads * size), heads) for _ in range(3))
    made = (
        lambda: at.parameter(heads, length, length),
        lambda: at.parameter(length * length, heads).view(length, length, heads).permute(2, 0, 1),
        lambda: at.parameter(2 * length, heads)[
            at.constant(lambda: torch.randint(0, 2 * length, (length * length,)))
        ].view(length, length, heads).permute(2, 0, 1).unsqueeze(0),
        lambda: at.constant(lambda: torch.ones(length, length).tril().log()),
        lambda: at.constant(lambda: torch.randn(heads, 1, 1)) * torch.arange(length),
    )  # fmt: skip
    return x + at.linear(merge_heads(attend(q, k, v, native=m % 2 == 1, bias=pick(made, m)())), x.shape[-1])


@step
def talking_heads(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    q, k, v = (split_heads(at.linear(x, heads * size), heads) for _ in range(3))
    scores = q @ k.transpose(-2, -1)
    scores = (
        torch.einsum("bhqk,hg->bgqk", scores, at.parameter(heads, heads))
        if m % 2
        else scores * at.parameter(heads, 1, 1)
    )
    return at.linear(merge_heads(scores.softmax(-1) @ v), x.shape[-1])


@step
def einsum_attention(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    q, k, v = (torch.einsum("bld,dhe->blhe", x, at.parameter(x.shape[-1], heads, size)) for _ in range(3))
    weights = torch.einsum("bqhe,bkhe->bhqk", q, k).softmax(-1)
    mixed = torch.einsum("bhqk,bkhe->bqhe", weights, v)
    return x + torch.einsum("bqhe,hed->bqd", mixed, at.parameter(heads, size, x.shape[-1]))


@step
def linear_attention(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    q, k, v = (split_heads(at.linear(x, heads * size), heads) for _ in range(3))
    feature = pick((F.relu, lambda z: F.elu(z) + 1, lambda z: z.softmax(-1)), m)
    q, k = feature(q), feature(k)
    return at.linear(merge_heads(q @ (k.transpose(-2, -1) @ v)), x.shape[-1])


@step
def head_pool(at: Parts, x: Tensor, _: Tensor, n: int, m: int) -> Tensor:
    heads, size = pick(HEADS, n)
    z = at.linear(x, heads * size).unflatten(-1, (heads, size))
    made = (
        lambda: z.mean(2),
        lambda: z.sum(-1),
        lambda: z.amax(2),
        lambda: z.mean(-1),
        lambda: z.flip(2).flatten(2),
        lambda: z.transpose(2, 3).flatten(2),
        lambda: z.norm(dim=-1),
        lambda: z.var(2),
    )
    return at.linear(pick(made, m)(), pick(WIDTHS, n))
