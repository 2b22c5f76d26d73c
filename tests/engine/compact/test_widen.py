"""The certificate computes in float64 where the program has such a form, and other errors do not lower its bar."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.compact.verify import certify_run
from geta_engine.compact.widen import ComputeIn, NoFloat64Form
from geta_engine.errors import InputError

DEFAULTS: list[torch.dtype] = []
"""PyTorch's default dtype whenever `same` ran."""


@torch.library.custom_op("geta_test::same", mutates_args=())
def same(x: Tensor) -> Tensor:
    """The identity; notes the default dtype of the process."""
    DEFAULTS.append(torch.get_default_dtype())
    return x.clone()


@torch.library.custom_op("geta_test::greedy", mutates_args=())
def greedy(x: Tensor) -> Tensor:
    """The identity, which finds no memory for numbers of eight bytes."""
    if x.element_size() == 8:
        raise torch.OutOfMemoryError("8 bytes a number are too many")
    return x.clone()


same.register_fake(torch.empty_like)
greedy.register_fake(torch.empty_like)


class Between(nn.Module):
    """An op between two layers."""

    def __init__(self, op) -> None:
        super().__init__()
        self.first, self.second, self.op = nn.Linear(6, 8), nn.Linear(8, 3), op
        self.register_buffer("scale", torch.full((8,), 0.1))
        self.register_buffer("zero_point", torch.zeros(8, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.op(self, torch.relu(self.first(x))))


def run_of(op):
    """A prepared model with `op` between its layers, its graph, and its compact model."""
    traced = ge.trace(Between(op), (torch.randn(4, 6, generator=torch.Generator().manual_seed(0)),))
    qadg = ge.analyze(traced)
    model = ge.prepare(traced, qadg)
    return model, ge.compact(model, qadg), qadg


def by_channel(module: Between, x: Tensor) -> Tensor:
    """PyTorch takes the scales of channels in float32 only."""
    return torch.fake_quantize_per_channel_affine(x, module.scale, module.zero_point, 1, 0, 255)


def test_an_op_that_computes_in_float32_only_is_named_and_a_run_is_certified_in_float32():
    model, _, qadg = run_of(by_channel)
    with pytest.raises(InputError, match=r"no form in float64 \(Scale must be Float"):
        ge.verify(model.origin, qadg, 0.5, dtype=torch.float64)
    certificate = certify_run(model.origin, ge.compact(model.origin, qadg), qadg)
    assert certificate.ok and certificate.dtype == "float32"


def test_another_error_does_not_lower_the_bar():
    model, small, qadg = run_of(lambda module, x: greedy(x))
    with pytest.raises(torch.OutOfMemoryError, match="too many"):
        certify_run(model, small, qadg)


def test_an_error_of_the_program_itself_is_passed_on():
    with ComputeIn(torch.float64), pytest.raises(RuntimeError, match="cannot be multiplied") as caught:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not isinstance(caught.value, NoFloat64Form)


def test_the_default_dtype_of_the_process_stays_while_a_run_is_certified():
    model, small, qadg = run_of(lambda module, x: same(x))
    DEFAULTS.clear()
    assert certify_run(model, small, qadg).dtype == "float64"
    assert set(DEFAULTS) == {torch.float32} and torch.get_default_dtype() == torch.float32


def test_ops_that_take_the_default_dtype_compute_in_the_one_asked_for():
    with ComputeIn(torch.float64):
        third, tenth = torch.arange(3) / 3, torch.full((2,), 0.5)
    assert third.dtype == tenth.dtype == torch.float64
    assert (torch.arange(3) / 3).dtype == torch.float32
