"""The two joint rules against what docs/method.md writes, and the descent that they assure."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.qasso.updates import ETA, KAPPA, ZETA, JointSums, descent_rule, paper_rule
from tests.engine.qasso.small import gradients, start


def slow_rule(g, c, r, lr, remaining, d_min, d_max):
    """docs/method.md, section 4, for one tensor, with the while loop written out."""
    norm = lambda v: math.sqrt(sum(a * a for a in v))  # noqa: E731
    dot = sum(a * b for a, b in zip(g, c))
    ng, nc, nr = norm(g), norm(c), norm(r)
    cos_g = dot / (ng * nc) if ng * nc else 0.0
    cos_d = sum(a * b for a, b in zip(g, r)) / (ng * nr) if ng * nr else 0.0
    if nc <= 1e-8:
        gamma = 0.0
    elif cos_g >= 0:
        gamma = 1 / remaining
    else:
        gamma = -(1 - ETA) * lr * ng / (cos_g * nc)
    if cos_d >= 0 or gamma == 0:
        return gamma, d_max, cos_g, cos_d
    d = -ZETA * ETA * lr * ng / (gamma * cos_d * nr)
    while d < d_min:
        gamma *= 0.8
        d /= 0.8
    return gamma, min(d, d_max), cos_g, cos_d


vectors = st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=4, max_size=4)


@settings(max_examples=300, deadline=None)
@given(vectors, vectors, vectors, st.floats(1e-4, 0.5), st.integers(1, 50))
def test_rule_is_the_loop_and_descends(g, c, r, lr, remaining):
    r = [v / 6 for v in r]
    if math.sqrt(sum(v * v for v in g)) < 1e-2 or math.sqrt(sum(v * v for v in r)) < 1e-2:
        return
    d_min, d_max = 0.01, 0.2
    vec = lambda v: torch.tensor(v, dtype=torch.float64)  # noqa: E731
    tg, tc, tr = vec(g), vec(c), vec(r)
    sums = JointSums(*(x.reshape(1) for x in (tg @ tc, tg @ tr, tg @ tg, tc @ tc, tr @ tr)))
    rule = paper_rule(sums, lr, remaining, vec([d_min]), vec([d_max]))
    gamma, d, cos_g, cos_d = slow_rule(g, c, r, lr, remaining, d_min, d_max)
    if min(abs(cos_g), abs(cos_d)) < 1e-9:
        return
    assert math.isclose(rule.gamma.item(), gamma, rel_tol=1e-6, abs_tol=1e-12)
    assert math.isclose(rule.d.item(), d, rel_tol=1e-6)
    if cos_g < 0 and cos_d < 0:
        step = -lr * tg - rule.gamma * (tc + rule.d * tr)
        assert (tg @ step).item() <= -ETA * (1 - ZETA) * lr * (tg @ tg).item() * (1 - 1e-9)


def test_the_descent_bound_holds_whatever_the_step_size_is():
    """20,000 cases: every direction and every d from 1e-6 to 10, learning rates and lengths of a period."""
    generator = torch.Generator().manual_seed(0)
    cases, entries = 20_000, 6
    g, x = (torch.randn(cases, entries, generator=generator, dtype=torch.float64) for _ in range(2))
    g *= 10 ** torch.empty(cases, 1, dtype=torch.float64).uniform_(-6, 3, generator=generator)
    d = 10 ** torch.empty(cases, dtype=torch.float64).uniform_(-6, 1, generator=generator)
    c = x.clamp(-1, 1)
    r = (c / d[:, None]).round() - c / d[:, None]
    quantized = c + d[:, None] * r
    for lr, remaining in ((1e-4, 1), (0.1, 7), (1.0, 100)):
        gg = (g * g).sum(1)
        sums = JointSums((g * c).sum(1), (g * r).sum(1), gg, (c * c).sum(1), (r * r).sum(1))
        gamma = descent_rule(sums, d, lr, remaining).gamma
        s = (g * quantized).sum(1)
        slow = [
            1 / remaining if one >= 0 else min(1 / remaining, KAPPA * lr * square / -one)
            for one, square in zip(s.tolist(), gg.tolist())
        ]
        torch.testing.assert_close(gamma, torch.tensor(slow, dtype=torch.float64), rtol=1e-6, atol=0)
        step = -lr * g - gamma[:, None] * quantized
        excess = ((g * step).sum(1) + ETA * (1 - ZETA) * lr * gg) / (lr * gg)
        assert float(excess.max()) < 1e-9 and bool((s < 0).any()) and bool((s >= 0).any())


def test_nothing_fades_where_nothing_is_learned():
    one = torch.ones(2)
    sums = JointSums(torch.tensor([0.5, -0.5]), 0 * one, one, one, 0 * one)
    assert descent_rule(sums, one, 0.0, 5).gamma.tolist() == [0, 0]


def test_zero_slices_are_left_alone():
    one = torch.ones(1)
    rule = paper_rule(JointSums(0 * one, 0 * one, one, 0 * one, 0 * one), 0.1, 5, 0.01 * one, 0.2 * one)
    assert rule.gamma.item() == 0 and abs(rule.d.item() - 0.2) < 1e-7


@pytest.mark.parametrize("times", [0, 1, 2, 7])
@pytest.mark.parametrize("cos_g", [1.0, -1.0])
def test_gamma_shrinks_as_often_as_the_step_size_is_below_its_lower_bound(times, cos_g):
    """g, c~ and R~ on one line, so that every number is known: the first d is d(b_u) * 0.8^(times - 1/2)."""
    one, lr, remaining, d_min = torch.ones(1, dtype=torch.float64), 0.1, 4, 0.05
    gamma = 1 / remaining if cos_g > 0 else (1 - ETA) * lr
    first = d_min * 0.8 ** (times - 0.5)
    norm_r = ZETA * ETA * lr / (gamma * first)
    sums = JointSums(cos_g * one, -norm_r * one, one, one, norm_r**2 * one)
    rule = paper_rule(sums, lr, remaining, d_min * one, 10 * one)
    assert rule.gamma.item() == pytest.approx(gamma * 0.8**times, rel=1e-9)
    assert rule.d.item() == pytest.approx(d_min * 0.8**-0.5, rel=1e-9)
    assert slow_rule([1.0], [cos_g], [-norm_r], lr, remaining, d_min, 10.0)[:2] == pytest.approx(
        (rule.gamma.item(), rule.d.item()), rel=1e-9
    )


def test_the_exponent_of_a_quantizer_stays_within_its_bounds(small):
    """Adam's first step is its learning rate on the logarithm: e^5 and e^-5 are far outside [0.1, 10]."""
    _, model, opt = start(small, learn_t=True, lr_quant=5.0)
    gradients(model, opt)
    opt.step()
    t = model.quantizers.t.detach()
    moved = t != 1
    assert moved.any() and ((t[moved] == torch.tensor(0.1)) | (t[moved] == 10.0)).all()
