"""The quantizer against a float64 loop, and its gradients against finite differences of the smooth parts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.formula import bit_width, step_size


def round_half_even(value: float) -> float:
    return float(round(value))


def slow_quantizer(x: float, d: float, q_m: float, t: float) -> float:
    """METHOD, section 2, one number at a time."""
    c = min(abs(x), q_m) ** t
    return math.copysign(1, x) * d * round_half_even(c / d) if x else 0.0


def slow_gradients(x: float, d: float, q_m: float, t: float) -> tuple[float, float, float, float]:
    sign = (x > 0) - (x < 0)
    c = min(abs(x), q_m) ** t
    r = c / d
    log = math.log(min(abs(x), q_m)) if x else 0.0
    return (
        1.0 if abs(x) <= q_m else 0.0,
        sign * (round_half_even(r) - r),
        sign * t * q_m ** (t - 1) if abs(x) > q_m else 0.0,
        sign * c * log,
    )


def scalars(*values: float) -> list[torch.Tensor]:
    return [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]


def test_worked_example():
    one = torch.tensor(1.0, dtype=torch.float64)
    d = step_size(4 * one, one, one)
    assert d.item() == pytest.approx(1 / 7)
    assert fake_quantize(0.5 * one, d, one).item() == pytest.approx(4 / 7)


@settings(max_examples=60, deadline=None)
@given(st.floats(2, 16), st.floats(0.01, 10), st.floats(0.3, 2))
def test_bits_and_step_are_inverse(bits, q_m, t):
    given_bits, clip, power = (torch.tensor(v, dtype=torch.float64) for v in (bits, q_m, t))
    assert bit_width(step_size(given_bits, clip, power), clip, power).item() == pytest.approx(bits, abs=1e-9)


@pytest.mark.parametrize("t", [1.0, 0.7, 1.4])
@settings(max_examples=40, deadline=None)
@given(bits=st.integers(2, 8), q_m=st.floats(0.1, 5), seed=st.integers(0, 99))
def test_forward_and_all_gradients_match_the_loop(t, bits, q_m, seed):
    x = torch.randn(31, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2
    x[0], x[1] = 0.0, q_m
    x.requires_grad_()
    d_value = q_m**t / (2 ** (bits - 1) - 1)
    d, clip, power = scalars(d_value, q_m, t)
    result = fake_quantize(x, d, clip, None if t == 1.0 else power)
    upstream = torch.linspace(-1, 2, 31, dtype=torch.float64)
    (result * upstream).sum().backward()
    for i, value in enumerate(x.tolist()):
        assert result[i].item() == pytest.approx(slow_quantizer(value, d_value, q_m, t), abs=1e-9)
    slow = [slow_gradients(value, d_value, q_m, t) for value in x.tolist()]
    weights = upstream.tolist()
    assert x.grad.tolist() == pytest.approx([g[0] * w for g, w in zip(slow, weights)])
    assert d.grad.item() == pytest.approx(sum(g[1] * w for g, w in zip(slow, weights)), abs=1e-8)
    assert clip.grad.item() == pytest.approx(sum(g[2] * w for g, w in zip(slow, weights)), abs=1e-8)
    if t != 1.0:
        assert power.grad.item() == pytest.approx(sum(g[3] * w for g, w in zip(slow, weights)), abs=1e-8)


def test_gradient_of_the_clip_is_the_slope_of_the_clipped_value():
    """Beyond the clip and with round() as the identity, x_Q = q_m^t: its slope in q_m by finite differences."""
    q_m, t, h = 0.8, 1.3, 1e-6
    d, clip, power = scalars(1e-9, q_m, t)
    fake_quantize(torch.tensor([2.0], dtype=torch.float64), d, clip, power).sum().backward()
    slope = ((q_m + h) ** t - (q_m - h) ** t) / (2 * h)
    assert clip.grad.item() == pytest.approx(slope, rel=1e-5)


def test_the_two_forms_agree_at_t_1():
    x = torch.randn(257, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    results = []
    for power in (None, torch.tensor(1.0, dtype=torch.float64)):
        own = x.clone().requires_grad_()
        d, clip = scalars(0.11, 1.2)
        value = fake_quantize(own, d, clip, power)
        value.square().sum().backward()
        results.append((value.detach(), own.grad, d.grad, clip.grad))
    for one, two in zip(*results):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("power", [None, torch.tensor(0.5)])
def test_zero_input_has_no_nan(power):
    x = torch.zeros(8, requires_grad=True)
    d, clip = torch.tensor(0.1, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    fake_quantize(x, d, clip, power).sum().backward()
    assert all(g.isfinite().all() for g in (x.grad, d.grad, clip.grad))
