"""Networks in which a reader of the rules found zeroing and removing to differ, or the analysis to stop."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import geta_engine as ge
from geta_engine.compact.verify import largest_sparsity
from tests.engine.qadg.test_soundness import IMAGES, ROWS, TOKENS, weight
from tests.models import Made, traced


def mixed_then_stepped(m, x):
    return m.h(m.l(m.tok(m.emb(x).transpose(1, 2)).transpose(1, 2))[0]).mean(1)


def causal_queries(m, x):
    k, v = m.k(x).unsqueeze(1), m.v(x).unsqueeze(1)
    q = m.q.view(1, 1, 6, 8).expand(2, 1, 6, 8)
    return m.h((F.scaled_dot_product_attention(q, k, v, is_causal=True).squeeze(1) * m.g).sum(1))


def masked_rows(m, x, mask, row):
    y = m.a(x).clone()
    y[mask] = row
    return m.h(y * m.g).mean(1)


def copied(m, x):
    blank = torch.zeros(4, 8, dtype=x.dtype)
    blank.copy_(m.a(x))
    return m.h(blank)


def halves_of_one(m, x):
    one, other = m.a(x).view(-1, 4, 3), m.b(x).unsqueeze(2).expand(-1, 4, 3)
    return m.h(F.glu(torch.cat([one, other], 1), 1).flatten(1))


class Reread(nn.Module):
    """A weight-normed layer whose direction is read by another layer too."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.utils.parametrizations.weight_norm(nn.Linear(5, 8))
        self.h = nn.Linear(8, 3)

    def forward(self, x):
        return self.h(self.a(x)) + self.h(F.linear(x, self.a.parametrizations.weight.original1))


A, H = nn.Linear(5, 8), nn.Linear(8, 3)
CASES = {
    "lstm over mixed tokens": (
        Made(mixed_then_stepped, emb=nn.Linear(5, 8), tok=nn.Linear(6, 7), l=nn.LSTM(8, 6, batch_first=True),
             h=nn.Linear(6, 3)), TOKENS),
    "a cell's learned state": (
        Made(lambda m, x: m.h(m.c(x, m.h0.expand(4, 8))), c=nn.GRUCell(5, 8), h0=weight(1, 8), h=H), ROWS),
    "lstm over a parameter": (
        Made(lambda m, x: m.h(m.l(m.a(x))[0] + m.l(m.p)[0]).mean(1), a=A, p=weight(2, 6, 8),
             l=nn.LSTM(8, 6, batch_first=True), h=nn.Linear(6, 3)), TOKENS),
    "grouped convolution of a parameter": (
        Made(lambda m, x: m.h(m.c(m.a(x)) + m.c(m.p)).mean((2, 3)), a=nn.Conv2d(3, 8, 1), p=weight(1, 8, 8, 8),
             c=nn.Conv2d(8, 8, 1, groups=2), h=nn.Conv2d(8, 3, 1)), IMAGES),
    "causal attention of learned queries": (
        Made(causal_queries, q=weight(6, 8), g=weight(6, 1), k=nn.Linear(5, 8), v=nn.Linear(5, 8), h=H), TOKENS),
    "compared with zeros": (Made(lambda m, x: m.h((m.a(x) == m.z) * 1.0), a=A, z=torch.zeros(1, 8), h=H), ROWS),
    "a direction read twice": (Reread(), ROWS),
    "a learned grid": (
        Made(lambda m, x: F.grid_sample(m.a(x), m.b(x).permute(0, 2, 3, 1)).mean((2, 3)), a=nn.Conv2d(3, 8, 1),
             b=nn.Conv2d(3, 2, 1)), IMAGES),
    "masked rows written": (
        Made(masked_rows, a=A, g=weight(8), h=H), (*TOKENS, torch.rand(2, 6) > 0.5, torch.randn(8))),
    "group norm of a joint block": (
        Made(lambda m, x: m.h((m.n(m.a(x).view(-1, 4, 4)) * m.g.view(4, 4)).flatten(1)), a=nn.Linear(5, 16),
             n=nn.GroupNorm(2, 4, affine=False), g=weight(16), h=nn.Linear(16, 3)), ROWS),
    "copied": (Made(copied, a=A, h=H), ROWS),
    "squeezed by name": (Made(lambda m, x: m.h(m.a(x).squeeze(1)), a=nn.Linear(5, 2), h=nn.Linear(2, 3)), ROWS),
    "in another's shape": (
        Made(lambda m, x, o: m.h(m.a(x).unsqueeze(2).expand_as(o).flatten(1)), a=A, h=nn.Linear(16, 3)),
        (*ROWS, torch.randn(4, 8, 2))),
    "viewed as another": (Made(lambda m, x, o: m.h(m.a(x).view_as(o).flatten(1)), a=A, h=H),
                          (*ROWS, torch.randn(4, 4, 2))),
    "a letter twice": (
        Made(lambda m, x: m.h(torch.einsum("...ii->...i", m.a(x).view(-1, 4, 4))), a=nn.Linear(5, 16),
             h=nn.Linear(4, 3)), ROWS),
    "gated halves of one block": (Made(halves_of_one, a=nn.Linear(5, 12), b=nn.Linear(5, 4), h=nn.Linear(12, 3)), ROWS),
    "variance of all": (Made(lambda m, x: m.h(m.a(x)) * torch.var(m.a(x), False), a=A, h=H), ROWS),
    "two outputs": (Made(lambda m, x: m.h(torch.frexp(m.a(x))[0]), a=A, h=H), ROWS),
    "patches of one image": (
        Made(lambda m, x: F.unfold(m.a(x)[0], 3).mean(1), a=nn.Conv2d(3, 8, 1)), IMAGES),
}  # fmt: skip


@pytest.mark.parametrize("granularity", ["head", "head_dim"])
@pytest.mark.parametrize("case", CASES)
def test_zeroing_is_removing_or_it_is_pinned(case, granularity):
    made = traced(*CASES[case][:1], *CASES[case][1])
    qadg = ge.analyze(made, granularity=granularity)
    most = largest_sparsity(qadg)
    for seed, sparsity in enumerate([*(s for s in (0.3, 0.6) if s < most), most]):
        certificate = ge.verify(made, qadg, sparsity, seed=seed, dtype=torch.float64)
        assert certificate.ok, (sparsity, certificate)
