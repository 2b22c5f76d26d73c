"""Rows: networks over vectors and sequences (recurrence, attention, gates, sharing, raw parameters), written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.engine.architectures.row import Architecture
from tests.engine.architectures.written_small import Add, linears, net, plain, row, weight

VOCABULARY, CLASSES, WIDTH, HEADS, HEAD = 41, 7, 28, 4, 6
"""The residual stream has 28 features, attention inside it 4 heads of 6."""


def tokens() -> Tensor:
    return torch.randint(0, VOCABULARY, (2, 9))


def mask() -> Tensor:
    return (torch.rand(2, 9) < 0.6).float()


def mlp(width: int, inner: int, act: type[nn.Module] = nn.GELU) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, inner), act(), nn.Linear(inner, width))


def blocks(width: int, *bodies: nn.Module) -> list[nn.Module]:
    """Pre-norm residual blocks."""
    return [Add(nn.LayerNorm(width), body) for body in bodies]


def encoder(*bodies: nn.Module, enter: nn.Module | None = None) -> nn.Module:
    """Features to the stream, residual blocks, a norm, the mean over time, classes."""
    body = nn.Sequential(enter or nn.Linear(11, WIDTH), *blocks(WIDTH, *bodies), nn.LayerNorm(WIDTH))
    return net(lambda m, x: m.leave(m.body(x).mean(1)), body=body, leave=nn.Linear(WIDTH, CLASSES))


def transformer(forward: Callable[..., Tensor], **parts: Any) -> nn.Module:
    """An encoder of one block: the given attention, then an MLP."""
    return encoder(net(forward, **parts), mlp(WIDTH, 44))


def unbound_qkv(m: nn.Module, x: Tensor) -> Tensor:
    """One projection, reshaped to 3 x heads x head and unbound."""
    b, t, _ = x.shape
    q, k, v = m.qkv(x).reshape(b, t, 3, HEADS, HEAD).permute(2, 0, 3, 1, 4).unbind(0)
    scores = (q * HEAD**-0.5) @ k.transpose(-2, -1)
    return m.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, HEADS * HEAD))


def einsum_attention(m: nn.Module, x: Tensor) -> Tensor:
    """Projections with weights `[heads, head, width]`, scores and mixture, all by einsum."""
    q, k, v = (torch.einsum("bti,hdi->bhtd", x, w) for w in (m.query, m.key, m.value))
    scores = torch.einsum("bhtd,bhsd->bhts", q, k) / HEAD**0.5
    mixed = torch.einsum("bhts,bhsd->bhtd", scores.softmax(-1), v)
    return torch.einsum("bhtd,hdo->bto", mixed, m.out)


def rotate(x: Tensor, rates: Tensor) -> Tensor:
    """Rotary position of `[B, heads, T, head]`: halves of a head are the two coordinates."""
    angles = torch.arange(x.shape[2], device=x.device)[:, None] * torch.cat((rates, rates))
    left, right = x.chunk(2, -1)
    return x * angles.cos() + torch.cat((-right, left), -1) * angles.sin()


def grouped_heads(m: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """6 query heads and 2 of keys and values, each `[B, heads, T, 8]`, positions rotated in."""
    q, k, v = (project(x).unflatten(-1, (-1, 8)).transpose(1, 2) for project in (m.query, m.key, m.value))
    return rotate(q, m.rates), rotate(k, m.rates), v


def gqa_repeated(m: nn.Module, x: Tensor) -> Tensor:
    q, k, v = grouped_heads(m, x)
    k, v = k.repeat_interleave(3, 1), v.repeat_interleave(3, 1)
    future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
    scores = (q @ k.mT / 8**0.5).masked_fill(future, float("-inf"))
    return m.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


def gqa_sdpa(m: nn.Module, x: Tensor) -> Tensor:
    q, k, v = grouped_heads(m, x)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return m.out(mixed.transpose(1, 2).flatten(2))


def gqa_parts() -> dict[str, Any]:
    parts = linears(False, query=(WIDTH, 48), key=(WIDTH, 16), value=(WIDTH, 16), out=(48, WIDTH))
    return {**parts, "rates": nn.Buffer(100.0 ** -(torch.arange(4) / 4))}


class TiedLM(nn.Module):
    """Tokens and learned positions, one causal block, a head whose weight is the embedding's."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(12, WIDTH)
        self.norm1, self.qkv, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 72), nn.Linear(24, WIDTH)
        self.norm2, self.mlp, self.norm3 = nn.LayerNorm(WIDTH), mlp(WIDTH, 52), nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids) + self.position(torch.arange(ids.shape[1], device=ids.device))
        q, k, v = (p.unflatten(-1, (HEADS, HEAD)).transpose(1, 2) for p in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return self.head(self.norm3(x + self.mlp(self.norm2(x))))


class WindowAttention(nn.Module):
    """Swin: attention in windows of 4 x 4 (shifted by `torch.roll`, strangers masked), biased by relative position."""

    def __init__(self, width: int, heads: int, size: tuple[int, int], shift: int) -> None:
        super().__init__()
        self.heads, self.shift = heads, shift
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.bias = nn.Parameter(torch.randn(49, heads) * 0.2)
        at = torch.cartesian_prod(torch.arange(4), torch.arange(4))
        apart = at[:, None] - at[None] + 3
        self.register_buffer("apart", apart[..., 0] * 7 + apart[..., 1])
        rows, columns = (torch.bucketize(torch.arange(n), torch.tensor([n - 4, n - shift]), right=True) for n in size)
        regions = windows((rows[:, None] * 3 + columns)[None, ..., None]).squeeze(-1)
        self.register_buffer("mask", (regions[:, :, None] != regions[:, None]).float() * -100.0)

    def forward(self, x: Tensor) -> Tensor:
        b, h, w, c = x.shape
        parts = windows(torch.roll(x, (-self.shift, -self.shift), (1, 2)))
        q, k, v = self.qkv(parts).reshape(-1, 16, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + self.bias[self.apart].permute(2, 0, 1)
        if self.shift:
            scores = scores.view(b, -1, self.heads, 16, 16) + self.mask[:, None]
            scores = scores.view(-1, self.heads, 16, 16)
        mixed = self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, c))
        mixed = mixed.view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return torch.roll(mixed, (self.shift, self.shift), (1, 2))


def windows(x: Tensor) -> Tensor:
    """`[B, H, W, C]` -> `[B * windows, 16, C]`."""
    b, h, w, c = x.shape
    return x.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)


class Merge(nn.Module):
    """Four neighbouring patches, concatenated and normed, to twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduce = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        corners = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        return self.reduce(self.norm(torch.cat(corners, -1)))


def swin() -> nn.Module:
    first = [WindowAttention(18, 3, (8, 24), 0), mlp(18, 40), WindowAttention(18, 3, (8, 24), 2), mlp(18, 40)]
    last = [WindowAttention(36, 4, (4, 12), 0), mlp(36, 76)]
    body = nn.Sequential(*blocks(18, *first), Merge(18), *blocks(36, *last), nn.LayerNorm(36))
    parts = {"patch": nn.Conv2d(3, 18, 4, 4), "body": body, "leave": nn.Linear(36, CLASSES)}
    return net(lambda m, x: m.leave(m.body(m.patch(x).permute(0, 2, 3, 1)).mean((1, 2))), **parts)


def recurrent(cell: type[nn.RNNBase], directions: int = 1, **more: Any) -> nn.Module:
    """Features to a recurrent layer, then classes of the mean over time."""
    rnn = cell(16, 24, batch_first=True, bidirectional=directions == 2, **more)
    parts = linears(enter=(11, 16), leave=(24 * directions, CLASSES))
    return net(lambda m, x: m.leave(m.rnn(F.relu(m.enter(x)))[0].mean(1)), rnn=rnn, **parts)


def highway(m: nn.Module, x: Tensor) -> Tensor:
    """A learned gate between a transformed and a carried stream."""
    x = m.enter(x)
    gate = torch.sigmoid(m.gate(x))
    return m.leave(gate * F.relu(m.transform(x)) + (1 - gate) * x)


def masked(m: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """Steps in the mask take one branch, the others another; scores of the others are filled before the softmax."""
    inside = mask[..., None] > 0
    chosen = torch.where(inside, F.relu(m.a(x)), torch.tanh(m.b(x)))
    scores = m.score(chosen).masked_fill(~inside, -10.0).softmax(1)
    return m.leave((scores * chosen).sum(1))


def running_mean(m: nn.Module, x: Tensor) -> Tensor:
    """Each step sees the mean of all steps up to it."""
    x = F.relu(m.enter(x))
    past = x.cumsum(1) / torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
    return m.leave(F.relu(m.mix(torch.cat((x, past), -1))))


def reused(m: nn.Module, x: Tensor) -> Tensor:
    x = m.enter(x)
    for _ in range(3):
        x = m.block(x)
    return m.leave(x)


def cond_net(m: nn.Module, x: Tensor) -> Tensor:
    x = F.relu(m.inner(F.relu(m.enter(x))))
    return m.leave(torch.cond(x.mean() > 0.3, m.left, m.right, (x,)).mean((2, 3)))


def shared_linear(m: nn.Module, x: Tensor) -> Tensor:
    return m.leave(F.relu(m.shared(F.relu(m.a(x))) + m.shared(torch.tanh(m.b(x)))))


def param_matmul(m: nn.Module, x: Tensor) -> Tensor:
    return F.relu(x @ m.w + m.b) @ m.v


def self_attention(m: nn.Module, x: Tensor) -> Tensor:
    return m.attention(x, x, x, need_weights=False)[0]


def encoded() -> nn.Module:
    """PyTorch's own encoder, post-norm."""
    layer = nn.TransformerEncoderLayer(WIDTH, 4, 52, batch_first=True)
    return encoder(enter=nn.Sequential(nn.Linear(11, WIDTH), nn.TransformerEncoder(layer, 2)))


def swiglu(m: nn.Module, x: Tensor) -> Tensor:
    gate, up = m.gate_up(x).chunk(2, -1)
    return m.down(F.silu(gate) * up)


def param_position() -> nn.Module:
    enter = net(lambda m, x: m.project(x) + m.position, project=nn.Linear(11, WIDTH), position=weight(9, WIDTH))
    return encoder(mlp(WIDTH, 44), enter=enter)


def einsum_weights() -> dict[str, nn.Parameter]:
    inward = {name: nn.Parameter(torch.randn(HEADS, HEAD, WIDTH) / WIDTH**0.5) for name in ("query", "key", "value")}
    return {**inward, "out": nn.Parameter(torch.randn(HEADS, HEAD, WIDTH) / 24**0.5)}


def mixer() -> nn.Module:
    """Patches; an MLP over tokens and a bottleneck over channels, in turn."""
    enter = net(lambda m, x: m.patch(x).flatten(2).mT, patch=nn.Conv2d(3, WIDTH, 4, 4))
    over_tokens = [net(lambda m, x: m.mlp(x.mT).mT, mlp=mlp(15, 36)) for _ in range(2)]
    return encoder(over_tokens[0], mlp(WIDTH, 12), over_tokens[1], mlp(WIDTH, 12), enter=enter)


SEQUENCE, VECTOR = (2, 9, 11), (2, 11)
ROWS: tuple[Architecture, ...] = (
    row(
        "shared_linear",
        lambda: net(shared_linear, **linears(a=(11, 28), b=(11, 28), shared=(28, 36), leave=(36, 7))),
        VECTOR,
        fast=True,
    ),
    row("param_matmul", lambda: net(param_matmul, w=weight(11, 36), b=weight(36), v=weight(36, 7)), VECTOR, fast=True),
    row("param_position", param_position, SEQUENCE),
    row("tied_lm", TiedLM, tokens, fast=True),
    row(
        "mha_block",
        lambda: transformer(self_attention, attention=nn.MultiheadAttention(WIDTH, 4, batch_first=True)),
        SEQUENCE,
    ),
    row("transformer_encoder", encoded, SEQUENCE),
    row("lstm", lambda: recurrent(nn.LSTM), SEQUENCE, fast=True),
    row("lstm_2_layers", lambda: recurrent(nn.LSTM, num_layers=2), SEQUENCE),
    row("lstm_bidirectional", lambda: recurrent(nn.LSTM, directions=2), SEQUENCE),
    row("gru", lambda: recurrent(nn.GRU), SEQUENCE),
    row("einsum_attention", lambda: transformer(einsum_attention, **einsum_weights()), SEQUENCE, fast=True),
    row("unbound_qkv", lambda: transformer(unbound_qkv, **linears(qkv=(WIDTH, 72), out=(24, WIDTH))), SEQUENCE),
    row("gqa_repeated", lambda: transformer(gqa_repeated, **gqa_parts()), SEQUENCE, fast=True),
    row("gqa_sdpa", lambda: transformer(gqa_sdpa, **gqa_parts()), SEQUENCE),
    row("glu_chunk", lambda: encoder(net(swiglu, **linears(gate_up=(WIDTH, 88), down=(44, WIDTH)))), SEQUENCE),
    row("glu", lambda: encoder(nn.Sequential(nn.Linear(WIDTH, 72), nn.GLU(), nn.Linear(36, WIDTH))), SEQUENCE),
    row("windows", swin, (2, 3, 32, 96)),
    row("mixer", mixer, (2, 3, 12, 20)),
    row(
        "highway",
        lambda: net(highway, **linears(enter=(11, 28), gate=(28, 28), transform=(28, 28), leave=(28, 7))),
        VECTOR,
    ),
    row(
        "where_mask",
        lambda: net(masked, **linears(a=(11, 28), b=(11, 28), score=(28, 1), leave=(28, 7))),
        SEQUENCE,
        mask,
    ),
    row("cumsum", lambda: net(running_mean, **linears(enter=(11, 20), mix=(40, 28), leave=(28, 7))), SEQUENCE),
    row(
        "reused_block",
        lambda: net(reused, block=Add(nn.LayerNorm(28), mlp(28, 44)), **linears(enter=(11, 28), leave=(28, 7))),
        VECTOR,
    ),
    row(
        "cond",
        lambda: net(
            cond_net,
            enter=plain(3, 28),
            inner=plain(28, 24),
            left=plain(24, 20),
            right=plain(24, 20),
            leave=nn.Linear(20, 7),
        ),
        (2, 3, 10, 14),
    ),
)
