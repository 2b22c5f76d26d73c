"""Products: in-channels of one factor are tied to those of the other, out-channels go on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .cases import check, drawn, net, rows, tokens, weight


def attended(m, x):
    return torch.bmm(torch.softmax(torch.bmm(x, F.relu(x).transpose(1, 2)), -1), x)


def einsum_attention(m, x):
    """[2, 6, 12] as 3 heads of 4."""
    q, k, v = (f(x).view(-1, 6, 3, 4) for f in (m.q, m.k, m.v))
    weights = torch.softmax(torch.einsum("bqhd,bkhd->bhqk", q, k), -1)
    return torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2)


def outer(product):
    def forward(m, x):
        return F.linear(product(m.a(x).sum(0), m.w), m.c).sum(0)

    return net(forward, (drawn(4, 5),), 8 + 7, {}, a=nn.Linear(5, 8), w=weight(7), c=weight(3, 7))


def einsum(equation: str, *shape: int):
    return tokens(lambda m, x: torch.einsum(equation, F.relu(x), m.w), 8 + 7, 7, w=weight(*shape))


VECTOR = (drawn(4, 5),)
WORDS = (torch.tensor([[1, 4, 2], [0, 8, 4]]),)
CASES = {
    "linear: without bias": rows(lambda m, x: m.b(F.relu(x)), 8 + 7, 7, b=nn.Linear(8, 7, bias=False)),
    "mm": rows(lambda m, x: torch.mm(F.relu(x), m.w), 8 + 7, 7, w=weight(8, 7)),
    "matmul": tokens(lambda m, x: F.relu(x) @ m.w, 8 + 7, 7, w=weight(8, 7)),
    "matmul: parameter on the left": tokens(lambda m, x: m.w @ x, 8, w=weight(7, 6)),
    "matmul: with a vector": net(lambda m, x: m.a(x) @ m.w, (drawn(2, 6, 5),), 8, {}, a=nn.Linear(5, 8), w=weight(8)),
    "mv": net(lambda m, x: torch.mv(m.a(x), m.w), VECTOR, 8, {}, a=nn.Linear(5, 8), w=weight(8)),
    "dot": net(lambda m, x: torch.dot(m.a(x).sum(0), m.w), VECTOR, 8, {}, a=nn.Linear(5, 8), w=weight(8)),
    "bmm": tokens(attended, 8),
    "addmm: bias": rows(lambda m, x: torch.addmm(m.b, F.relu(x), m.w), 8 + 7, 7, b=weight(7), w=weight(8, 7)),
    "addmm: residual": rows(lambda m, x: torch.addmm(x, F.relu(x), m.w, beta=0.5, alpha=2), 8, w=weight(8, 8)),
    "baddbmm": tokens(lambda m, x: torch.baddbmm(x, torch.bmm(x, x.mT), F.relu(x)), 8),
    "addmv": net(lambda m, x: m.h(torch.addmv(m.b, m.w, m.a(x).sum(0))), VECTOR, 8 + 7, {}, a=nn.Linear(5, 8),
                 b=weight(7), w=weight(7, 8), h=nn.Linear(7, 3)),
    "addbmm": tokens(lambda m, x: torch.addbmm(m.b, x, m.w.expand(2, -1, -1)).unsqueeze(0), 0, 7, b=weight(6, 7),
                     w=weight(8, 7), pins="cannot lose channels"),
    "outer": outer(torch.outer),
    "ger": outer(torch.ger),
    "einsum": einsum("btc,dc->btd", 7, 8),
    "einsum: no arrow": net(lambda m, x: m.h(torch.einsum("bc,cd", m.a(x), m.w)), VECTOR, 8 + 7, {}, a=nn.Linear(5, 8),
                            w=weight(8, 7), h=nn.Linear(7, 3)),
    "einsum: dots": einsum("...c,dc->...d", 7, 8),
    "einsum: a trace": rows(lambda m, x: torch.einsum("bii->bi", x.view(-1, 3, 3)), 0, 3, width=9,
                            pins="cannot lose channels"),
    "einsum: attention": tokens(einsum_attention, 8 + 3, 12, q=nn.Linear(8, 12), k=nn.Linear(8, 12),
                                v=nn.Linear(8, 12)),
    "embedding": net(lambda m, i: m.h(F.relu(m.e(i))).mean(1), WORDS, 8, {}, e=nn.Embedding(9, 8), h=nn.Linear(8, 3)),
    "embedding: tied to the head": net(lambda m, i: F.linear(m.e(i), m.e.weight), WORDS, 8, {}, e=nn.Embedding(9, 8)),
    "input scaled": net(lambda m, x: m.a(x * m.w), VECTOR, 0, {"w": "`mul` combines it with a dimension that holds no"},
                        a=nn.Linear(5, 8), w=weight(5)),
    "zeros lost before a sum": rows(lambda m, x: torch.mm(torch.cos(x), m.w), 7, 7, w=weight(8, 7),
                                    pins="turns zeros into other numbers before `mm` sums over it"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_contraction(case):
    check(CASES[case])
