"""A compact model whose quantizers have exponents: the same quantizers, costs and outputs as what it was made from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.compact.cut import set_to_zero, zero_units
from geta_engine.cost.bit_cost import FLOAT_BITS
from geta_engine.cost.model import CostModel
from geta_engine.quant.insert import PreparedModel
from tests.models import images, traced

EXPONENTS = pytest.mark.parametrize("t", [0.7, 1.3])


class Net(nn.Module):
    """Convolutions after a program input, a relu and a tanh within a residual, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 10, 3)
        self.b, self.bn, self.fc = nn.Conv2d(10, 10, 3, padding=1), nn.BatchNorm2d(12), nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(torch.relu(self.bn(self.stem(x))))
        y = y + self.b(torch.tanh(y))
        return self.fc(y.mean((2, 3)))


IDS = {"stem.weight", "act.x", "a.weight", "act.relu", "b.weight", "act.tanh", "fc.weight", "act.mean"}


class Made(NamedTuple):
    model: PreparedModel
    qadg: ge.Qadg
    zero: np.ndarray
    small: ge.TracedModel


def made(t: float, model: nn.Module | None = None, x: Tensor | None = None) -> Made:
    """Four-bit weights and six-bit activations with exponent t, every third unit zero."""
    plain = traced(model or Net(), images() if x is None else x)
    qadg = ge.analyze(plain, activations=True)
    prepared = ge.prepare(plain, qadg, "2:16", learn_t=True)
    zero = np.zeros(qadg.total_units, bool)
    for group in qadg.prunable:
        zero[group.first_unit : group.first_unit + group.size : 3] = True
    set_to_zero(prepared.program, qadg, zero)
    bank = prepared.quantizers
    with torch.no_grad():
        bank.t.fill_(t)
        bank.q_m.copy_(bank.q_m * 0.8)
        bits = torch.tensor([4.0 if q.kind == "weight" else 6.0 for q in bank.quantizers])
        bank.d.copy_(bank.step_sizes(bits))
    assert (zero_units(prepared, qadg) == zero).all() and zero.any()
    return Made(prepared, qadg, zero, ge.compact(prepared, qadg))


@EXPONENTS
def test_costs_are_those_that_the_run_counts(t):
    model, qadg, zero, small = made(t)
    bits = model.bits_by_id()
    counted = CostModel(model.origin.graph_module(), qadg)
    widths = np.array([bits[q.id] for q in qadg.quantizers], np.float32)
    dense = ge.cost(model.origin)
    relative = counted.relative_bops(zero).of(widths)
    cost = ge.cost(small, bits)
    assert dense.bops == dense.macs * FLOAT_BITS**2
    assert cost.bops == pytest.approx(relative * dense.bops, rel=1e-6)
    assert cost.bops == pytest.approx(24 * cost.macs, rel=1e-6), "each layer has four bits times six"
    assert ge.cost(model).bops > cost.bops


@EXPONENTS
def test_quantizers_are_those_of_a_compact_model_without_exponents_also_after_reading_it_again(t, tmp_path):
    model, _, _, small = made(t)
    small.save(tmp_path / "small.pt2")
    again = ge.load(str(tmp_path / "small.pt2"))
    bits = model.bits_by_id()
    expected = ge.analyze(made(1.0).small)
    for program in (small, again):
        actual = ge.analyze(program)
        assert [q.id for q in actual.quantizers] == [q.id for q in expected.quantizers]
        assert {q.id for q in actual.quantizers} == IDS
        assert {b.source for b in actual.branches} == {"x", "relu", "tanh", "mean"}
        assert all(b.kind == "inserted" and b.keeps_zero and len(b.nodes) == 8 for b in actual.branches)
        assert [(g.size, g.prunable) for g in actual.groups] == [(g.size, g.prunable) for g in expected.groups]
        assert ge.cost(program, bits).bops == ge.cost(small, bits).bops


@EXPONENTS
def test_outputs_are_the_prepared_models(t, tmp_path):
    model, _, _, small = made(t)
    small.save(tmp_path / "small.pt2")
    x = images(batch=5)
    with torch.no_grad():
        y = model(x)
        assert y.std() > 0.01
        torch.testing.assert_close(small(x), y, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ge.load(str(tmp_path / "small.pt2"))(x), y, rtol=1e-4, atol=1e-5)


def test_pruning_goes_on_from_it():
    small = made(0.7).small
    qadg = ge.analyze(small)
    assert qadg.prunable_units > 0
    assert ge.verify(small, qadg, 0.4, dtype=torch.float64).ok


def test_a_weight_that_is_also_read_as_it_is_has_its_quantizer_written_out():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.hidden, self.out = nn.Embedding(11, 6), nn.Linear(6, 6), nn.Linear(6, 11, bias=False)
            self.out.weight = self.embed.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.relu(self.hidden(self.embed(x)))).mean(1)

    tokens = torch.randint(0, 11, (2, 4), generator=torch.Generator().manual_seed(0))
    small = made(0.7, Tied(), tokens).small
    actual = ge.analyze(small)
    assert [(b.kind, b.source) for b in actual.branches if b.kind == "attached"] == [("attached", "out_weight")]
    assert {q.id for q in actual.quantizers} >= {"act.embedding", "act.relu", "hidden.weight"}
    assert not any(q.id.startswith(("act.mul", "act.div")) for q in actual.quantizers)
