"""Clips from data: the mean over batches of the 0.9995 quantile of what enters each layer in the dense network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import Schedule
from geta_engine.quant import calibrate
from tests.engine.qasso.small import bit_widths, choose_bits_where_due, gradients
from tests.models import images, traced


class Loud(nn.Module):
    """Its tensors are far larger than 1, where the clips start; the one after `silent` is all zero."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn, self.b = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Conv2d(6, 8, 1)
        self.silent, self.last = nn.Linear(8, 5), nn.Linear(5, 3)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.bn(self.a(x)) * 30)
        x = torch.relu(self.b(x)).mean((2, 3))
        return self.fc(x) + self.last(torch.relu(self.silent(x)))


@pytest.fixture(scope="module")
def loud() -> ge.TracedModel:
    torch.manual_seed(0)
    program = traced(Loud(), images(1, 8))
    with torch.no_grad():
        program.program.state_dict["silent.weight"].fill_(-0.1)
        program.program.state_dict["silent.bias"].fill_(-1.0)
        program.program.state_dict["a.weight"][2] = 0
        program.program.state_dict["a.bias"][2] = 0
        program.program.state_dict["bn.bias"][2] = 0
    return program


def batches(count: int) -> list[tuple[Tensor]]:
    generator = torch.Generator().manual_seed(3)
    return [(torch.randn(16, 1, 8, 8, generator=generator) * (5 + i),) for i in range(count)]


def dense_clips(loud, data) -> dict[str, float]:
    """The mean over batches of the 0.9995 quantile of what is not zero, from the dense program in training mode."""
    model = ge.prepare(loud, ge.analyze(loud, activations=True)).quantize(False).train()
    actual: dict[str, list[float]] = {}
    for (x,) in data:
        seen = Recorder(model._dense[0]).values_of(x)
        for quantizer in model.quantizers.quantizers:
            if quantizer.kind == "activation":
                ranked = np.sort(seen[quantizer.source].abs().flatten().numpy())
                ranked = ranked[ranked > 0]
                value = ranked[max(1, round(0.9995 * len(ranked))) - 1] if len(ranked) else 0.0
                actual.setdefault(quantizer.id, []).append(value)
    return {name: float(np.mean(values)) for name, values in actual.items()}


class Recorder(torch.fx.Interpreter):
    """What every node of a program gives."""

    def values_of(self, x: Tensor) -> dict[str, Tensor]:
        self.seen: dict[str, Tensor] = {}
        with torch.no_grad():
            self.run(x, enable_io_processing=False)
        return self.seen

    def run_node(self, n):
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.seen[n.name] = value.clone()
        return value


@pytest.mark.parametrize("count", [1, 3])
def test_each_clip_is_the_mean_quantile_of_the_dense_network(loud, count):
    qadg = ge.analyze(loud, activations=True)
    model = ge.prepare(loud, qadg)
    calibrate(model, batches(count))
    expected = dense_clips(loud, batches(count))
    clips = dict(zip((q.id for q in qadg.quantizers), model.quantizers.q_m.tolist()))
    assert max(expected.values()) > 20, "the point of this network"
    for name, value in expected.items():
        assert clips[name] == pytest.approx(max(value, 1e-6), rel=2e-3), name
    np.testing.assert_allclose(bit_widths(model), 16, atol=1e-4)


def test_a_second_calibration_is_the_same_again_and_weights_keep_their_clips(loud):
    qadg = ge.analyze(loud, activations=True)
    model = ge.prepare(loud, qadg)
    weights = [i for i, q in enumerate(qadg.quantizers) if q.kind == "weight"]
    before = model.quantizers.q_m.detach().clone()
    calibrate(model, batches(2))
    first = model.quantizers.q_m.detach().clone()
    calibrate(model, batches(2))
    torch.testing.assert_close(model.quantizers.q_m.detach(), first, rtol=2e-3, atol=0)
    assert torch.equal(first[weights], before[weights])
    peaks = [model.program.get_parameter(qadg.quantizers[i].id).abs().max().item() for i in weights]
    assert before[weights].tolist() == pytest.approx(peaks)


def test_a_few_outliers_do_not_set_the_clip(loud):
    qadg = ge.analyze(loud, activations=True)
    model = ge.prepare(loud, qadg)
    x = batches(1)[0][0].repeat(4, 1, 1, 1)
    x[0, 0, 0, 0] = 1e4
    calibrate(model, [(x,)])
    entry = [q.id for q in qadg.quantizers].index("act.x")
    assert float(model.quantizers.q_m.detach()[entry]) < 25


@pytest.mark.parametrize("learn_t", [False, True])
def test_a_silent_tensor_and_a_dead_channel_train_without_nan(loud, learn_t):
    """The tensor that is all zero has the smallest clip; the run goes to its end and meets its constraints."""
    qadg = ge.analyze(loud, activations=True)
    model = ge.prepare(loud, qadg, learn_t=learn_t)
    calibrate(model, batches(2))
    clips = model.quantizers.q_m.tolist()
    silent = clips.index(min(clips))
    assert qadg.quantizers[silent].layer == "last" and qadg.quantizers[silent].kind == "activation"
    assert 0 < clips[silent] < 2e-6
    schedule = Schedule(warmup=3, projection=4, projection_periods=2, joint=6, joint_periods=3, cooldown=3)
    opt = ge.QASSO(model, qadg, ge.QASSOConfig(sparsity=0.4, schedule=schedule), lr=0.001)
    for _ in range(schedule.total):
        gradients(model, opt)
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())
        choose_bits_where_due(model, opt)
        opt.step()
        assert all(bool(v.isfinite().all()) for v in model.state_dict().values())
    opt.assert_constraints()
