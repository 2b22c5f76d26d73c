"""Clips of unusual tensors: zero weights, sparse and lopsided activations, names that look like ours."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import geta_engine as ge
from geta_engine.quant import calibrate
from geta_engine.quant.calibrate import _high_quantile
from tests.models import traced


def test_a_weight_that_starts_at_zero_has_room_to_grow():
    model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    nn.init.zeros_(model[2].weight)
    program = traced(model, torch.randn(4, 16))
    qadg = ge.analyze(program)
    prepared = ge.prepare(program, qadg)
    clips = dict(zip((q.id for q in qadg.quantizers), prepared.quantizers.q_m.tolist()))
    assert clips["2.weight"] == pytest.approx(8**-0.5)
    opt = ge.QASSO(prepared.train(), qadg, ge.QASSOConfig(0.0), lr=0.05)
    nn.functional.cross_entropy(prepared(torch.randn(8, 16)), torch.arange(8) % 4).backward()
    opt.step()
    prepared(torch.randn(8, 16)).sum().backward()
    assert (prepared.model_parameters()["2.weight"].grad != 0).any()


def test_a_sparse_tensor_keeps_its_few_large_values():
    one_hot = torch.zeros(64, 4096)
    one_hot[torch.arange(64), torch.arange(64) * 60] = 3.0
    assert _high_quantile(one_hot) == 3.0
    assert _high_quantile(torch.zeros(9)) == 0.0


def test_a_sample_sees_every_feature():
    """A stride that divides the number of features would see the same few of them in every row."""
    x = torch.randn(64, 197, 768, generator=torch.Generator().manual_seed(0))
    x[..., 5] *= 20
    exact = float(x.abs().flatten().kthvalue(round(0.9995 * x.numel())).values)
    assert _high_quantile(x) == pytest.approx(exact, rel=0.25)


class Named(nn.Module):
    """Modules named as our own things are."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.quantizers = nn.Linear(6, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.quantizers(torch.relu(self.act(x)))


def test_names_of_the_model_mean_nothing():
    model = Named()
    with torch.no_grad():
        model.act.weight.fill_(9.0)
    program = traced(model, torch.randn(4, 6))
    qadg = ge.analyze(program, activations=True)
    prepared = ge.prepare(program, qadg)
    calibrate(prepared, [(torch.randn(8, 6),)])
    clips = dict(zip((q.id for q in qadg.quantizers), prepared.quantizers.q_m.tolist()))
    assert clips["act.weight"] == 9.0
    assert set(prepared.model_parameters()) == {"act.weight", "act.bias", "quantizers.weight", "quantizers.bias"}
    assert ge.cost(prepared).params == ge.cost(program).params
