"""Long arrays by pieces, half precision, arrays that are not contiguous, and numbers at the ends of the range."""

from __future__ import annotations

import pytest
import torch

from geta_engine.quant import kernels
from geta_engine.quant.fake_quant import fake_quantize
from tests.engine.quant.loops import leaves, normal

POWERS = [None, 0.8]


def scalars(d: float, q_m: float, t: float | None) -> list[torch.Tensor]:
    return leaves(d, q_m, *([] if t is None else [t]), dtype=torch.float32)


def gradients(x: torch.Tensor, upstream: torch.Tensor, *values: float | None):
    """The value, and gradients of x and the scalars."""
    leaf, given = x.detach().requires_grad_(), scalars(*values)
    value = fake_quantize(leaf, *given)
    value.backward(upstream)
    return value.detach(), leaf.grad, *(s.grad for s in given)


@pytest.mark.parametrize("count", [kernels.PIECE, kernels.PIECE + 1, 3 * kernels.PIECE + 7])
@pytest.mark.parametrize("t", POWERS)
def test_pieces_give_what_the_formula_gives_in_one_go(t, count):
    x, g = normal(count), normal(count, 1)
    given = [s.detach() for s in scalars(0.07, 1.3, t)]
    formulas = (kernels.forward, kernels.backward) if t is None else (kernels.forward_t, kernels.backward_t)
    value, passed, *sums = gradients(x, g, 0.07, 1.3, t)
    assert torch.equal(value, formulas[0](x, *given))
    expected, *references = formulas[1](g, x, *given)
    assert torch.equal(passed, expected) and len(sums) == len(references) == len(given)
    for i, (mine, reference) in enumerate(zip(sums, references)):
        assert abs(float(mine) - float(reference)) <= 1e-6 * term_sizes(x, g, i, *given)


def term_sizes(x, g, which: int, d, q_m, t=None) -> float:
    """Sum of the absolute values of what is added up for d, q_m or t, in float64."""
    x, g, d, q_m = x.double(), g.double(), d.double(), q_m.double()
    power = torch.ones((), dtype=torch.float64) if t is None else t.double()
    clipped = torch.minimum(x.abs(), q_m)
    c = clipped.pow(power)
    parts = (
        (c / d).round() - c / d,
        (x.abs() > q_m) * power * q_m.pow(power - 1),
        c * clipped.clamp_min(1e-300).log(),
    )
    return float((g * parts[which]).abs().sum())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("t", POWERS)
def test_half_precision_is_computed_in_float32(t, dtype):
    """12 bits: a level has no place in bfloat16, so that rounding anywhere but at the end would show."""
    x, g = normal(5000).to(dtype), normal(5000, 1).to(dtype)
    half, wide = gradients(x, g, 1 / 2047, 1.0, t), gradients(x.float(), g.float(), 1 / 2047, 1.0, t)
    assert half[0].dtype == half[1].dtype == dtype
    assert torch.equal(half[0], wide[0].to(dtype)) and torch.equal(half[1], wide[1].to(dtype))
    for mine, reference in zip(half[2:], wide[2:]):
        assert mine.dtype == torch.float32 and torch.equal(mine, reference)


LAYOUTS = {
    "transposed": lambda x: x.view(40, 50).t(),
    "strided": lambda x: x.view(40, 50)[::2, 1::3],
    "expanded": lambda x: x[:40].view(40, 1).expand(40, 7),
    "channels last": lambda x: x.view(2, 4, 10, 25).to(memory_format=torch.channels_last),
    "a scalar": lambda x: x[0],
    "empty": lambda x: x[:0].view(0, 3),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("t", POWERS)
def test_any_layout_gives_the_gradients_of_its_contiguous_copy(t, layout):
    x = layout(normal(2000))
    upstream = layout(normal(2000, 1)).expand(x.shape)
    actual = gradients(x, upstream, 0.13, 0.9, t)
    expected = gradients(x.contiguous().clone(), upstream.contiguous().clone(), 0.13, 0.9, t)
    assert actual[0].shape == actual[1].shape == x.shape
    for mine, reference in zip(actual, expected):
        assert torch.equal(mine, reference)


@pytest.mark.parametrize("t", POWERS)
def test_an_expanded_leaf_and_an_expanded_upstream_add_up(t):
    """One row read seven times, under .sum(): its gradient is seven times that of once."""
    base, given = normal(40).requires_grad_(), scalars(0.13, 0.9, t)
    fake_quantize(base.expand(7, 40), *given).sum().backward()
    once = gradients(base, torch.ones(40), 0.13, 0.9, t)
    torch.testing.assert_close(base.grad, 7 * once[1])
    for mine, reference in zip(given, once[2:]):
        torch.testing.assert_close(mine.grad, 7 * reference, rtol=1e-5, atol=1e-4)


EXTREMES = [
    (1e-6, None),
    (1e-39, None),
    (1e38, None),
    (1e-6, 0.8),
    (1e-39, 0.8),
    (1e30, 0.8),
    (1e-20, 1.5),
    (1e20, 1.5),
]


@pytest.mark.parametrize(("q_m", "t"), EXTREMES)
@pytest.mark.parametrize("bits", [2, 16])
def test_everything_is_finite_at_the_ends_of_the_range(bits, q_m, t):
    """Zeros, subnormal numbers and the largest ones, for the steps d(bits) that a run can have; d may be subnormal."""
    top = q_m if t is None else q_m**t
    d = top / (2 ** (bits - 1) - 1)
    assert float(torch.tensor(d)) > 0
    x = torch.tensor([0.0, -0.0, 1e-45, -1e-40, q_m, -q_m, 3e38, -3e38, 1.0])
    for data in (x, torch.zeros(9)):
        value, *others = gradients(data, torch.ones(9), d, q_m, t)
        assert bool(value.isfinite().all()) and all(bool(o.isfinite().all()) for o in others)
        assert bool((value[:2] == 0).all())
        assert float(value.abs().max()) <= 1.01 * top
        assert data[4] == 0 or float(value[4]) == pytest.approx(top, rel=1e-2)
