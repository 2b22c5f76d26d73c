"""The compiled formulas give what the eager ones give."""

from __future__ import annotations

import pytest
import torch

import geta_engine as ge
from geta_engine.quant import calibrate, kernels
from geta_engine.quant.compiled import SMALLEST, compiled_kernels
from geta_engine.quant.fake_quant import fake_quantize
from tests.engine.quant.loops import leaves, normal
from tests.models import images

SIZES = [
    SMALLEST - 1,
    SMALLEST,
    SMALLEST + 13,
    3 * kernels.PIECE + 7,
]
D, Q_M, T = 0.0371, 1.3, 0.8


def compiled(learn_t: bool) -> kernels.Kernels:
    """Needs a C++ compiler, as `compiled_kernels` does."""
    run = compiled_kernels(learn_t=learn_t)
    if run is None:
        pytest.skip("there is no C++ compiler on this machine")
    return run


def results(run: kernels.Kernels, x: torch.Tensor, g: torch.Tensor, t: float | None):
    """Value, gradients of x and the scalars, as `fake_quantize` gives them on these kernels."""
    leaf, scalars = x.clone().requires_grad_(), leaves(D, Q_M, *([] if t is None else [t]), dtype=torch.float32)
    value = fake_quantize(leaf, *scalars, kernels=run)
    value.backward(g)
    return value.detach(), leaf.grad, [s.grad for s in scalars]


def terms(x: torch.Tensor, g: torch.Tensor, t: float | None) -> list[float]:
    """Sums of the absolute values of what is added up for d, q_m and t, in float64."""
    x, g, power = x.double(), g.double(), 1.0 if t is None else t
    clipped = x.abs().clamp_max(Q_M)
    c = clipped**power
    parts = ((c / D).round() - c / D, (x.abs() > Q_M) * power * Q_M ** (power - 1), c * clipped.clamp_min(1e-300).log())
    return [float((g * part).abs().sum()) for part in parts]


def compare(run: kernels.Kernels, x: torch.Tensor, g: torch.Tensor, t: float | None) -> None:
    """For t != 1 pow may differ in its last bit: ties of round(c / d), where that decides the level, are kept out."""
    if t is not None:
        ratio = x.double().abs().clamp_max(Q_M) ** t / D
        x = torch.where(((ratio % 1) - 0.5).abs() < 1e-4, torch.full_like(x, 0.01), x)
    value, passed, sums = results(run, x, g, t)
    expected, reference, totals = results(kernels.EAGER, x, g, t)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)
    assert torch.equal(passed, reference)
    for mine, theirs, size in zip(sums, totals, terms(x, g, t)):
        assert abs(float(mine) - float(theirs)) <= 1e-6 * size


def data(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = normal(count)
    x[:4] = torch.tensor([0.0, Q_M, -Q_M, 7.0])
    return x, normal(count, 1)


def test_with_t_fixed_at_1_they_are_the_eager_ones():
    run = compiled(learn_t=False)
    assert run is not kernels.EAGER
    for count in SIZES:
        compare(run, *data(count), None)


@pytest.mark.slow
def test_with_t_learnable_they_are_the_eager_ones():
    run = compiled(learn_t=True)
    for count in SIZES:
        compare(run, *data(count), T)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_dtypes_are_compiled_as_well(dtype):
    run = compiled(learn_t=False)
    x, g = (v.to(dtype) for v in data(SIZES[2]))
    value, passed, sums = results(run, x, g, None)
    expected, reference, totals = results(kernels.EAGER, x, g, None)
    assert value.dtype == expected.dtype == dtype and torch.equal(passed, reference)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)
    for mine, theirs, size in zip(sums, totals, terms(x, g, None)):
        assert abs(float(mine) - float(theirs)) <= 1e-6 * size


@pytest.mark.slow
@pytest.mark.parametrize("learn_t", [False, True])
def test_a_network_trains_the_same_to_rounding(learn_t):
    """Convolutions whose activations have more than `SMALLEST` numbers: gradients of a whole network."""
    program = ge.load("resnet8")
    x = images(1, 8, 64)
    actual = []
    for run in (kernels.EAGER, compiled(learn_t)):
        model = ge.prepare(program, ge.analyze(program, activations=True), learn_t=learn_t)
        model.use_kernels(run)
        calibrate(model, [(x,)])
        model.train()(x).square().sum().backward()
        actual.append({name: p.grad for name, p in model.program.named_parameters() if p.grad is not None})
    assert actual[0].keys() == actual[1].keys()
    for name, gradient in actual[0].items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(actual[1][name], gradient, rtol=1e-2, atol=1e-2 * scale, msg=name)
