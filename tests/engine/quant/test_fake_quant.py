"""The quantizer against a float64 loop, and its gradients against finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.formula import bit_width, step_size
from tests.engine.quant.loops import leaves, normal, slow_forward, slow_gradients


def test_worked_example():
    one = torch.tensor(1.0, dtype=torch.float64)
    d = step_size(4 * one, one, one)
    assert d.item() == pytest.approx(1 / 7)
    assert fake_quantize(0.5 * one, d, one).item() == pytest.approx(4 / 7)
    assert fake_quantize(-3 * one, d, one).item() == pytest.approx(-1)


@settings(max_examples=40, deadline=None)
@given(st.floats(2, 16), st.floats(0.01, 10), st.floats(0.3, 2))
def test_bits_and_step_are_inverse(bits, q_m, t):
    given_bits, clip, power = (torch.tensor(v, dtype=torch.float64) for v in (bits, q_m, t))
    d = step_size(given_bits, clip, power)
    assert d.item() == pytest.approx(q_m**t / (2 ** (bits - 1) - 1))
    assert bit_width(d, clip, power).item() == pytest.approx(bits, abs=1e-9)


@pytest.mark.parametrize("t", [None, 1.0, 0.7, 1.4])
@settings(max_examples=25, deadline=None)
@given(levels=st.one_of(st.integers(1, 127), st.floats(0.6, 200)), q_m=st.floats(0.1, 5), seed=st.integers(0, 99))
def test_forward_and_all_gradients_match_the_loop(t, levels, q_m, seed):
    """Also at 0, at the clip itself and beyond it; the clip need not be a whole number of steps."""
    exponent = 1.0 if t is None else t
    d_value = q_m**exponent / levels
    x = normal(24, seed, torch.float64) * 2
    x[:7] = torch.tensor([0.0, q_m, -q_m, math.nextafter(q_m, 9), -math.nextafter(q_m, 9), 50 * q_m, -50 * q_m])
    x[7:9] = torch.tensor([q_m / 2, -q_m / 3])
    x.requires_grad_()
    d, clip, power = leaves(d_value, q_m, exponent)
    result = fake_quantize(x, d, clip, None if t is None else power)
    upstream = torch.linspace(-1, 2, 24, dtype=torch.float64)
    (result * upstream).sum().backward()
    values, weights = x.tolist(), upstream.tolist()
    assert result.tolist() == pytest.approx([slow_forward(v, d_value, q_m, exponent) for v in values], abs=1e-9)
    slow = [slow_gradients(v, d_value, q_m, exponent) for v in values]
    assert x.grad.tolist() == [g[0] * w for g, w in zip(slow, weights)]
    for position, leaf in enumerate((d, clip, power), start=1):
        if leaf is not power or t is not None:
            expected = sum(g[position] * w for g, w in zip(slow, weights))
            assert leaf.grad.item() == pytest.approx(expected, abs=1e-7, rel=1e-9)


@pytest.mark.parametrize(("q_m", "t"), [(0.8, 1.3), (1.7, 0.6), (0.8, 1.0)])
def test_smooth_parts_have_the_slopes_of_finite_differences(q_m, t):
    """With d tiny round() is the identity: x_Q = q_m^t beyond the clip, |x|^t within."""
    h = 1e-6
    for x, value in ((2.5, lambda q, s: q**s), (-2.5, lambda q, s: -(q**s)), (0.3, lambda q, s: 0.3**s)):
        d, clip, power = leaves(1e-9, q_m, t)
        fake_quantize(torch.tensor([x], dtype=torch.float64), d, clip, power).sum().backward()
        slope_q = (value(q_m + h, t) - value(q_m - h, t)) / (2 * h)
        slope_t = (value(q_m, t + h) - value(q_m, t - h)) / (2 * h)
        assert clip.grad.item() == pytest.approx(slope_q, rel=1e-6, abs=1e-9)
        assert power.grad.item() == pytest.approx(slope_t, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("q_m", "t", "d"), [(0.8, 1.3, 0.11), (1.7, 0.6, 0.3), (0.9, 1.0, 0.19)])
def test_gradients_are_those_of_the_straight_through_function(q_m, t, d):
    """Straight-through means round(v) = v + const near a point, with const = round(r) - r there. So the function
    s = sgn(x) d (c / d + const) is differentiated, by finite differences: in d it is linear, with slope round(r) - r;
    in q_m and t its slopes are those of c; in x, at t = 1, that of the clip. The true slope in d, with the level
    round(r) held (it is, almost everywhere), is round(r): the gradient here plus r.
    """
    h = 1e-6
    for x in (0.237, -0.41, 0.613, 2.2, -3.1):
        r = min(abs(x), q_m) ** t / d
        const = round(r) - r

        def straight(x, d, q_m, t, const=const):
            return math.copysign(1, x) * d * (min(abs(x), q_m) ** t / d + const)

        point = [x, d, q_m, t]
        slopes = []
        for i in range(4):
            up, down = list(point), list(point)
            up[i], down[i] = up[i] + h, down[i] - h
            slopes.append((straight(*up) - straight(*down)) / (2 * h))
        tensors = leaves(*point)
        fake_quantize(*tensors).backward()
        for i in range(1 if t != 1 else 0, 4):
            assert tensors[i].grad.item() == pytest.approx(slopes[i], rel=1e-6, abs=1e-8), i
        true = (slow_forward(x, d + h, q_m, t) - slow_forward(x, d - h, q_m, t)) / (2 * h)
        assert tensors[1].grad.item() + math.copysign(r, x) == pytest.approx(true, rel=1e-6)


def test_the_two_forms_agree_at_t_1():
    x = normal(257, 3, torch.float64)
    results = []
    for power in (None, torch.tensor(1.0, dtype=torch.float64)):
        leaf = x.clone().requires_grad_()
        d, clip = leaves(0.11, 1.2)
        value = fake_quantize(leaf, d, clip, power)
        value.square().sum().backward()
        results.append((value.detach(), leaf.grad, d.grad, clip.grad))
    for one, two in zip(*results):
        torch.testing.assert_close(one, two)
