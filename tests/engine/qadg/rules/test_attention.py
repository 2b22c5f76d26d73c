"""Attention, softmax, and ops that compare entries with one another."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .cases import apart, aten, check, drawn, images, rows, together, tokens


def attention(heads: int = 3, keys: int = 3, mask: torch.Tensor | None = None, **options):
    """Heads of 4 numbers over the 8 channels of 6 tokens; query heads go with the key head they share."""

    def split(x, count):
        return x.unflatten(-1, (count, 4)).transpose(1, 2)

    def body(m, x):
        q, k, v = split(m.q(x), heads), split(m.k(x), keys), split(m.v(x), keys)
        given = {} if mask is None else {"attn_mask": m.mask}
        mixed = F.scaled_dot_product_attention(q, k, v, **given, **options)
        return mixed.transpose(1, 2).flatten(2)

    parts = {"q": nn.Linear(8, 4 * heads), "k": nn.Linear(8, 4 * keys), "v": nn.Linear(8, 4 * keys)}
    if mask is not None:
        parts["mask"] = mask
    return tokens(body, 8 + keys, 4 * heads, **parts)


def normed_heads(m, x):
    """Queries and keys normalised head by head, with one weight for all heads."""
    q, k, v = (f(x).unflatten(-1, (3, 4)).transpose(1, 2) for f in (m.q, m.k, m.v))
    return F.scaled_dot_product_attention(m.n(q), m.n(k), v).transpose(1, 2).flatten(2)


SOFTMAXES = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "special_softmax": torch.special.softmax,
    "softmin": F.softmin,
    "_softmax": lambda x, d: aten._softmax(x, d, False),
    "_log_softmax": lambda x, d: aten._log_softmax(x, d, False),
    "_safe_softmax": lambda x, d: aten._safe_softmax(x, d),
}
ORDERED = {
    "topk": lambda x, d: x.topk(6, d).values,
    "sort": lambda x, d: x.sort(d).values,
    "argsort": lambda x, d: x.argsort(d) * 1.0,
    "cummax": lambda x, d: x.cummax(d).values,
    "cummin": lambda x, d: x.cummin(d).values,
    "argmax": lambda x, d: x.argmax(d, keepdim=True) * 1.0,
    "argmin": lambda x, d: x.argmin(d, keepdim=True) * 1.0,
    "kthvalue": lambda x, d: x.kthvalue(2, d, keepdim=True).values,
    "median": lambda x, d: x.median(d, keepdim=True).values,
    "mode": lambda x, d: x.mode(d, keepdim=True).values,
}
REDUCED = {
    "argmax": lambda x: x.argmax(1).unsqueeze(1),
    "median": lambda x: x.median(1).values.unsqueeze(1),
    "kthvalue": lambda x: x.kthvalue(2, 1).indices.unsqueeze(1),
}
CASES = {
    "sdpa": attention(),
    "sdpa: causal": attention(is_causal=True),
    "sdpa: mask": attention(mask=drawn(6, 6)),
    "sdpa: boolean mask": attention(mask=torch.ones(6, 6, dtype=torch.bool).tril()),
    "sdpa: scale": attention(scale=0.3),
    "sdpa: shared keys": attention(6, 3, enable_gqa=True),
    "sdpa: mask a head": attention(mask=drawn(1, 3, 6, 6)),
    "sdpa: queries and keys normalised": tokens(
        normed_heads, 8 + 3, 12, q=nn.Linear(8, 12), k=nn.Linear(8, 12), v=nn.Linear(8, 12), n=nn.LayerNorm(4)),
    "softmax over tokens": together(SOFTMAXES.values()),
    "softmax over channels": apart(SOFTMAXES, "normalises over it"),
    "softmax over places": images(lambda m, x: x * torch.softmax(x.flatten(2), -1).view_as(x), 8),
    "softmax into a layer": tokens(lambda m, x: torch.softmax(x, 1), 0, pins="`softmax` turns zeros into other"),
    "order of tokens": together(ORDERED.values()),
    "order of channels": apart(ORDERED, "compares it with others"),
    **{f"{name} over tokens, reduced": tokens(lambda m, x, f=f: x * f(x), 8) for name, f in REDUCED.items()},
    "multinomial": rows(lambda m, x: x + torch.multinomial(x.abs(), 1) * 0, 0, pins="cannot lose channels"),
    "argmax of everything": rows(lambda m, x: x + x.argmax(), 0, pins="cannot lose channels"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_attention(case):
    check(CASES[case])
