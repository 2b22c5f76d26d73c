"""Quantizers with an exponent, `sign(x) * min(|x|, q) ** t`, and powers that are the network's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.qadg.quantizers.branches import find_branches
from tests.engine.qadg.quantizers.test_branches import Written, branches_of, graph_of, ops_of
from tests.models import images


def clipped(m: nn.Module, x: Tensor) -> Tensor:
    return torch.clamp(x.abs(), 0, 1)


def levels(x: Tensor) -> Tensor:
    return torch.round(x / 0.1) * 0.1


def learned(m: nn.Module, x: Tensor) -> Tensor:
    return torch.round(x / m.s) * m.s


QUANTIZERS = {
    "sign first": lambda m, x: levels(clipped(m, x).pow(0.7) * x.sign()),
    "sign first, on the left": lambda m, x: levels(x.sgn() * clipped(m, x).pow(1.3)),
    "sign last": lambda m, x: levels(clipped(m, x).pow(0.7)) * x.sign(),
    "sign last, on the left": lambda m, x: x.sign() * levels(clipped(m, x).pow(0.7)),
    "sign copied": lambda m, x: levels(torch.copysign(clipped(m, x).pow(0.7), x)),
    "one": lambda m, x: levels(clipped(m, x).pow(1.0) * x.sign()),
    "step is a parameter": lambda m, x: learned(m, clipped(m, x).pow(0.7) * x.sign()),
    "limit is a parameter": lambda m, x: levels(torch.minimum(m.s, x.abs()).pow(0.7) * x.sign()),
    "clipped above": lambda m, x: levels(x.abs().clamp(max=1).pow(0.7) * x.sign()),
    "clipped on each side": lambda m, x: levels(x.abs().clamp_min(0).clamp_max(1).pow(0.7) * x.sign()),
    "exponent is a parameter": lambda m, x: levels(clipped(m, x).pow(m.s) * x.sign()),
    "straight through": lambda m, x: x + (levels(clipped(m, x).pow(0.7) * x.sign()) - x).detach(),
    "no sign": lambda m, x: levels(x.clamp(0, 1).pow(0.7)),
}
Quantizer = Callable[[nn.Module, Tensor], Tensor]


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_clipped_power_is_part_of_its_quantizer(name):
    graph = graph_of(Written(lambda m, x: m.d(QUANTIZERS[name](m, torch.tanh(m.c(x))))), images())
    (branch,) = find_branches(graph)
    assert (branch.kind, branch.source, branch.layer, branch.readers) == ("inserted", "tanh", "d", ("conv2d_1",))
    assert branch.keeps_zero and "pow" in ops_of(graph, branch)
    assert branch.parameters == (("s",) if "parameter" in name else ())


@pytest.mark.parametrize("name", QUANTIZERS)
def test_on_a_weight(name):
    (branch,) = branches_of(Written(lambda m, x: F.conv2d(m.c(x), QUANTIZERS[name](m, m.d.weight))), images())
    assert (branch.kind, branch.source, branch.keeps_zero) == ("attached", "d_weight", True)


def test_a_clip_that_the_network_has_before_it_stays_outside():
    """`clamp(min=0)` is a relu: a magnitude is bounded below already."""
    body = QUANTIZERS["clipped above"]
    for clip, source in ((lambda y: y.clamp(min=0), "clamp"), (lambda y: y.clamp(0, 6), "clamp")):
        (branch,) = branches_of(Written(lambda m, x, clip=clip: m.d(body(m, clip(m.c(x))))), images())
        assert branch.source == source


def _square(x: Tensor) -> Tensor:
    return x.abs().pow(2) * x.sign()


@pytest.mark.parametrize(
    "body",
    [
        lambda m, x: m.d(_square(m.c(x))),
        lambda m, x: m.d(clipped(m, m.c(x)).pow(2) * m.c(x).sign()),
        lambda m, x: m.d(torch.round(clipped(m, m.c(x)).pow(2) * 4)),
    ],
    ids=["squared", "squared within limits", "rounded and left so"],
)
def test_a_power_without_levels_is_no_branch(body):
    assert branches_of(Written(body), images()) == ()


def _largest(x: Tensor) -> Tensor:
    scale = x.abs().max() / 127
    return torch.round(x / scale) * scale


def _gelu(y: Tensor) -> Tensor:
    return 0.5 * y * (1 + torch.tanh(0.8 * (y + 0.04 * y.pow(3))))


OUTSIDE = {
    "square": (lambda m, y: m.q(y.pow(2)), "pow_1"),
    "square of a relu": (lambda m, y: m.q(torch.relu(y).pow(2)), "pow_1"),
    "signed square": (lambda m, y: m.q(_square(y)), "mul"),
    "signed square, no clip": (lambda m, y: levels(_square(y)), "mul"),
    "square, no clip": (lambda m, y: levels(y.pow(2)), "pow_1"),
    "clipped square, clipped again": (lambda m, y: m.q(clipped(m, y).pow(2) * y.sign()), "mul"),
    "clipped square, a scale from data": (lambda m, y: _largest(y.clamp(0, 1).pow(2)), "pow_1"),
    "clipped below": (lambda m, y: levels(y.clamp(min=1e-6).pow(3)), "pow_1"),
    "ours after a signed square": (lambda m, y: QUANTIZERS["sign first"](m, _square(y)), "mul"),
    "ours after a clipped square": (lambda m, y: QUANTIZERS["sign first"](m, clipped(m, y).pow(2) * y.sign()), "mul"),
    "ours after a GELU": (lambda m, y: QUANTIZERS["sign first"](m, _gelu(y)), "mul_3"),
    "GELU": (lambda m, y: m.q(_gelu(y)), "mul_3"),
    "a sign of something else": (lambda m, y: levels(clipped(m, y).pow(2) * (y - 1).sign()), "mul"),
    "a power of a number": (lambda m, y: m.q(2**y), "pow_1"),
    "a power of a parameter": (lambda m, y: m.q(m.s**y), "pow_1"),
    "a power of itself": (lambda m, y: m.q(y**y), "pow_1"),
    "one over it": (lambda m, y: levels(y.clamp(0.5, 1).pow(-1.0)), "pow_1"),
    "magnitude": (lambda m, y: levels(y.abs().clamp(max=1).pow(0.7)), "abs_1"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_networks_own_powers_stay_outside(name):
    body, source = OUTSIDE[name]
    (branch,) = branches_of(Written(lambda m, x: m.d(body(m, m.c(x)))), images())
    assert (branch.source, branch.readers) == (source, ("conv2d_1",))


def test_a_power_that_is_read_elsewhere_stays_outside():
    def body(m: Written, x: Tensor) -> object:
        y = m.c(x)
        power = clipped(m, y).pow(0.7) * y.sign()
        return m.d(levels(power)), power

    (branch,) = branches_of(Written(body), images())
    assert branch.source == "mul"


def test_two_quantizers_that_follow_each_other():
    body = QUANTIZERS["sign first"]
    first, second = branches_of(Written(lambda m, x: m.d(body(m, body(m, m.c(x))))), images())
    assert first.source == "conv2d" and second.source == first.result
