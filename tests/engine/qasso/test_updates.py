"""The joint rule against the loop of docs/method.md, and the descent it assures."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.qasso.updates import ETA, ZETA, JointSums, joint_rule
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
    rule = joint_rule(sums, lr, remaining, vec([d_min]), vec([d_max]))
    gamma, d, cos_g, cos_d = slow_rule(g, c, r, lr, remaining, d_min, d_max)
    if min(abs(cos_g), abs(cos_d)) < 1e-9:
        return
    assert math.isclose(rule.gamma.item(), gamma, rel_tol=1e-6, abs_tol=1e-12)
    assert math.isclose(rule.d.item(), d, rel_tol=1e-6)
    if cos_g < 0 and cos_d < 0:
        step = -lr * tg - rule.gamma * (tc + rule.d * tr)
        assert (tg @ step).item() <= -ETA * (1 - ZETA) * lr * (tg @ tg).item() * (1 - 1e-9)


def test_zero_slices_are_left_alone():
    one = torch.ones(1)
    rule = joint_rule(JointSums(0 * one, 0 * one, one, 0 * one, 0 * one), 0.1, 5, 0.01 * one, 0.2 * one)
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
    rule = joint_rule(sums, lr, remaining, d_min * one, 10 * one)
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
