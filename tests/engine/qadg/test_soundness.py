"""Networks on which an unsound rule would show: whatever is called prunable is proven, whatever is not is pinned."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import geta_engine as ge
from tests.models import Made, traced


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))))


TOKENS = (torch.randn(2, 6, 5),)
ROWS = (torch.randn(4, 5),)
IMAGES = (torch.randn(2, 3, 8, 8),)


def mixer(m, x):
    return m.head(m.tok(m.emb(x).transpose(1, 2)).transpose(1, 2)).mean(1)


def folded_heads(m, x):
    q, k, v = (f(x).view(-1, 6, 4, 2).transpose(1, 2).reshape(-1, 6, 2) for f in (m.q, m.k, m.v))
    mixed = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)), -1), v)
    return m.h(mixed.view(-1, 4, 6, 2).transpose(1, 2).flatten(2)).mean(1)


def halves(m, x):
    y = m.a(x)
    return m.h(torch.cat([F.relu(y[:, :2]), torch.tanh(y[:, 2:])], 1)).mean((2, 3))


def written_view(m, x):
    y = m.a(x)
    y[:, :4].relu_()
    return m.h(y)


def read_alone(m, x):
    y = m.a(x)
    return m.h(F.relu(y)) + y[:, 2:3] * m.b(y[:, 2:3].expand(-1, 4))


CASES = {
    "bias fills rows": (Made(mixer, emb=nn.Linear(5, 8), tok=nn.Linear(6, 7), head=nn.Linear(8, 3)), TOKENS),
    "no bias keeps rows": (
        Made(mixer, emb=nn.Linear(5, 8), tok=nn.Linear(6, 7, bias=False), head=nn.Linear(8, 3)), TOKENS),
    "parameter on the left": (Made(lambda m, x: m.h(F.relu(m.w @ m.e(x))).sum(1), w=weight(7, 6), e=nn.Linear(5, 8),
                                   h=nn.Linear(8, 3)), TOKENS),
    "weight through a sigmoid": (Made(lambda m, x: m.h(F.linear(x, torch.sigmoid(m.w))), w=weight(8, 5),
                                      h=nn.Linear(8, 3)), ROWS),
    "bias through an exp": (Made(lambda m, x: m.h(F.linear(x, m.w, m.b.exp())), w=weight(8, 5), b=weight(8),
                                 h=nn.Linear(8, 3)), ROWS),
    "norm weight plus one": (Made(lambda m, x: m.h(F.layer_norm(m.a(x), (8,), 1 + m.w, m.b)), a=nn.Linear(5, 8),
                                  w=weight(8), b=weight(8), h=nn.Linear(8, 3)), ROWS),
    "where with a fill": (Made(lambda m, x: m.h(torch.where(m.mask > 0, m.a(x), m.fill)), a=nn.Linear(5, 8),
                               mask=torch.randn(8), fill=weight(1), h=nn.Linear(8, 3)), ROWS),
    "a channel read on its own": (Made(lambda m, x: m.h(F.relu(m.a(x))) + m.a(x)[:, 2].unsqueeze(1), a=nn.Linear(5, 8),
                                       h=nn.Linear(8, 3)), ROWS),
    "unbound channels": (Made(lambda m, x: torch.stack(m.a(x).unbind(1)[:3], 1), a=nn.Linear(5, 8)), ROWS),
    "a slice of one, expanded": (Made(read_alone, a=nn.Linear(5, 8), b=nn.Linear(4, 3), h=nn.Linear(8, 3)), ROWS),
    "batch and heads merged": (Made(folded_heads, q=nn.Linear(5, 8), k=nn.Linear(5, 8), v=nn.Linear(5, 8),
                                    h=nn.Linear(8, 3)), TOKENS),
    "native attention": (Made(lambda m, x: m.h(m.att(m.e(x), m.e(x), m.e(x), need_weights=False)[0]).mean(1),
                              e=nn.Linear(5, 16), att=nn.MultiheadAttention(16, 4, batch_first=True),
                              h=nn.Linear(16, 3)), TOKENS),
    "fixed mask over heads": (Made(lambda m, x, mask: m.h(F.scaled_dot_product_attention(
        *(f(x).unflatten(-1, (4, 2)).transpose(1, 2) for f in (m.q, m.k, m.v)), attn_mask=mask
    ).transpose(1, 2).flatten(2)).mean(1), q=nn.Linear(5, 8), k=nn.Linear(5, 8), v=nn.Linear(5, 8), h=nn.Linear(8, 3)),
        (*TOKENS, torch.randn(2, 4, 6, 6))),
    "fixed factor over heads": (Made(lambda m, x, p: m.h((p @ m.v(x).unflatten(-1, (4, 2)).transpose(1, 2)).transpose(
        1, 2).flatten(2)).mean(1), v=nn.Linear(5, 8), h=nn.Linear(8, 3)), (*TOKENS, torch.randn(2, 4, 6, 6))),
    "part that loses all": (Made(halves, a=nn.Conv2d(3, 8, 1), h=nn.Conv2d(8, 3, 1)), IMAGES),
    "strided slices": (Made(lambda m, x: m.h(torch.cat([m.a(x)[:, ::3], m.a(x)[:, 1::3]], 1)).mean((2, 3)),
                            a=nn.Conv2d(3, 8, 1), h=nn.Conv2d(6, 3, 1)), IMAGES),
    "grouped transposed": (Made(lambda m, x: m.h(m.up(m.a(x))).mean((2, 3)), a=nn.Conv2d(3, 8, 1),
                                up=nn.ConvTranspose2d(8, 8, 2, stride=2, groups=2), h=nn.Conv2d(8, 3, 1)), IMAGES),
    "joint into grouped": (Made(lambda m, x: m.c(m.a(x).view(-1, 4, 4)).flatten(1), a=nn.Linear(5, 16),
                                c=nn.Conv1d(4, 4, 3, groups=4)), ROWS),
    "weight from a flat parameter": (Made(lambda m, x: m.h(F.linear(x, m.w.view(8, 5), m.b)), w=weight(40), b=weight(8),
                                          h=nn.Linear(8, 3)), ROWS),
    "squeezed pool": (Made(lambda m, x: m.h(F.adaptive_avg_pool2d(m.a(x), 1).squeeze()), a=nn.Conv2d(3, 4, 1),
                           h=nn.Linear(4, 3)), IMAGES),
    "weight that is a buffer": (Made(lambda m, x: m.h(F.linear(m.a(x), m.w)), a=nn.Linear(5, 8), w=torch.randn(6, 8),
                                     h=nn.Linear(6, 3)), ROWS),
    "instance norm": (Made(lambda m, x: m.h(m.n(m.a(x))).mean((2, 3)), a=nn.Conv2d(3, 8, 1), n=nn.InstanceNorm2d(8),
                           h=nn.Conv2d(8, 3, 1)), IMAGES),
    "written through a view": (Made(written_view, a=nn.Linear(5, 8), h=nn.Linear(8, 3)), ROWS),
    "rms norm": (Made(lambda m, x: m.h(m.n(m.a(x))), a=nn.Linear(5, 16), n=nn.RMSNorm(16), h=nn.Linear(16, 3)), ROWS),
    "a float cast": (Made(lambda m, x: m.h(F.relu(m.a(x)).to(torch.float32)), a=nn.Linear(5, 8),
                          h=nn.Linear(8, 3)), ROWS),
    "group norm": (Made(lambda m, x: m.h(m.n(m.a(x))).mean((2, 3)), a=nn.Conv2d(3, 8, 1), n=nn.GroupNorm(2, 8),
                        h=nn.Conv2d(8, 3, 1)), IMAGES),
    "pixel shuffle": (Made(lambda m, x: m.h(F.pixel_shuffle(m.a(x), 2)).mean((2, 3)), a=nn.Conv2d(3, 8, 1),
                           h=nn.Conv2d(2, 3, 1)), IMAGES),
}  # fmt: skip
STILL_PRUNABLE = {
    "no bias keeps rows", "a channel read on its own", "batch and heads merged", "native attention",
    "part that loses all", "strided slices", "squeezed pool", "rms norm", "a float cast", "written through a view",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_zeroing_is_removing_or_it_is_pinned(case):
    model, inputs = CASES[case]
    made = traced(model, *inputs)
    with torch.no_grad():
        model.eval().load_state_dict(made.program.state_dict, strict=False)
        torch.testing.assert_close(made(*inputs), model(*inputs))
    qadg = ge.analyze(made)
    if case in STILL_PRUNABLE:
        assert qadg.prunable_units > 0
    for sparsity in (0.3, 0.6):
        if int(sparsity * qadg.prunable_units) <= qadg.max_zero_units:
            for seed in range(3):
                certificate = ge.verify(made, qadg, sparsity, seed=seed, dtype=torch.float64)
                assert certificate.ok, (sparsity, seed, certificate)


def test_sizes_that_depend_on_data_pin_and_do_not_stop():
    made = traced(
        Made(lambda m, x: m.h(x).sum() + m.a(x)[m.a(x) > 0.1].sum(), a=nn.Linear(5, 8), h=nn.Linear(5, 3)), *ROWS
    )
    qadg = ge.analyze(made)
    assert qadg.pinned_ops


def test_the_certificate_sees_nan_and_refuses_to_compare_nothing():
    nan = traced(Made(lambda m, x: (m.h(F.relu(m.a(x))), m.h(F.relu(m.a(x))) * float("nan")), a=nn.Linear(5, 8),
                      h=nn.Linear(8, 3)), *ROWS)  # fmt: skip
    assert not ge.verify(nan, ge.analyze(nan), 0.3).ok
    chosen = traced(Made(lambda m, x: m.h(F.relu(m.a(x))).argmax(1), a=nn.Linear(5, 8), h=nn.Linear(8, 3)), *ROWS)
    assert ge.verify(chosen, ge.analyze(chosen), 0.3).ok
