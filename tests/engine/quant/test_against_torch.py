"""The quantizer against PyTorch's learnable fake quantization, where the two are the same function.

That is for t = 1, q_m = n d and levels -n .. n with zero point 0. Two differences are known and kept out of the data:
torch multiplies by 1/d, so ties round differently; and it rounds before it clips, so what is beyond the clip by
less than half a step passes a gradient.
"""

from __future__ import annotations

import pytest
import torch

from geta_engine.quant.fake_quant import fake_quantize
from tests.engine.quant.loops import leaves, normal


def both(d_value: float, n: int, seed: int):
    """(value, grad x, grad d, grad q_m) of ours, and (value, grad x, grad scale) of torch's."""
    x = normal(4000, seed) * d_value * n
    ratio = (x / d_value).abs()
    at_tie = ((ratio - ratio.floor()) - 0.5).abs() < 1e-3
    at_clip = (ratio > n - 1e-3) & (ratio < n + 0.5 + 1e-3)
    x = x[~at_tie & ~at_clip]
    upstream = normal(len(x), seed + 1)
    leaf, d, q_m = x.clone().requires_grad_(), *leaves(d_value, d_value * n, dtype=torch.float32)
    value = fake_quantize(leaf, d, q_m)
    value.backward(upstream)
    other, scale = x.clone().requires_grad_(), torch.tensor([d_value], requires_grad=True)
    zero_point = torch.zeros(1, requires_grad=True)
    theirs = torch._fake_quantize_learnable_per_tensor_affine(other, scale, zero_point, -n, n, 1.0)
    theirs.backward(upstream)
    return x, upstream, (value, leaf.grad, d.grad, q_m.grad), (theirs, other.grad, scale.grad)


@pytest.mark.parametrize(("d", "n"), [(0.1, 7), (0.033, 127), (1.7, 1), (0.004, 32767)])
def test_values_and_all_gradients_are_those_of_torch(d, n):
    """By the chain rule through q_m = n d, the gradient of torch's scale is grad d + n grad q_m: within the clip
    round(r) - r, beyond it sgn(x) n."""
    x, upstream, ours, theirs = both(d, n, seed=n)
    beyond = x.abs() > n * d
    assert 100 < int(beyond.sum()) < len(x) - 100
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-5, atol=0)
    assert torch.equal(ours[1], theirs[1])
    terms = torch.where(beyond, upstream.abs() * n, upstream.abs() * 0.5).sum()
    total = ours[2] + n * ours[3]
    assert abs(float(total - theirs[2])) < 1e-5 * float(terms)


def test_within_the_clip_the_gradient_of_d_is_torchs_and_beyond_it_that_of_the_clip():
    d, n = 0.05, 15
    for keep_inside in (True, False):
        x = normal(3000, 5)
        ratio = (x / d).abs()
        near_tie = ((ratio - ratio.floor()) - 0.5).abs() < 1e-3
        x = x[~near_tie & ((ratio < n - 1e-2) if keep_inside else (ratio > n + 0.51))]
        step, clip = leaves(d, d * n, dtype=torch.float32)
        fake_quantize(x, step, clip).sum().backward()
        scale, zero_point = torch.tensor([d], requires_grad=True), torch.zeros(1)
        torch._fake_quantize_learnable_per_tensor_affine(x, scale, zero_point, -n, n, 1.0).sum().backward()
        if keep_inside:
            assert clip.grad.item() == 0
            assert step.grad.item() == pytest.approx(scale.grad.item(), abs=1e-4 * len(x))
        else:
            assert step.grad.item() == pytest.approx(0, abs=1e-5 * len(x))
            assert n * clip.grad.item() == pytest.approx(scale.grad.item(), rel=1e-5)
