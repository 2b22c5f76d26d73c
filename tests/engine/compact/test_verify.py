"""The certificate over the zoo, and that it can fail."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch

import geta_engine as ge
from geta_engine.cost import cost
from geta_engine.cost.model import CostModel
from geta_engine.errors import InputError
from tests.models import ZOO_SMALL, images, randomize

module = import_module("geta_engine.compact.verify")


@pytest.mark.parametrize("name", ZOO_SMALL)
@pytest.mark.parametrize(("sparsity", "dtype"), [(0.3, torch.float32), (0.7, torch.float64)])
def test_removing_equals_zeroing(name, sparsity, dtype):
    traced = randomize(ge.load(name))
    qadg = ge.analyze(traced)
    certificate = ge.verify(traced, qadg, sparsity, seed=2, dtype=dtype)
    assert certificate.ok and certificate.max_rel_diff <= module.TOLERANCE[certificate.dtype]
    assert certificate.zero_units == int(sparsity * qadg.prunable_units + 1e-9)
    assert certificate.params_compact < certificate.params_dense


def test_the_certificate_fails_when_a_bias_is_forgotten(monkeypatch):
    """Break the code: leave biases out of the zeroing, and the difference must show."""
    real = module.set_to_zero

    def forgetful(program, qadg, zero):
        kept = {n: p.detach().clone() for n, p in program.named_parameters() if n.endswith("bias")}
        real(program, qadg, zero)
        with torch.no_grad():
            for name, value in kept.items():
                program.get_parameter(name).copy_(value)

    monkeypatch.setattr(module, "set_to_zero", forgetful)
    traced = randomize(ge.load("lenet"))
    assert not ge.verify(traced, ge.analyze(traced), 0.3).ok


def test_compact_is_plain_pytorch_in_a_process_without_the_engine(tmp_path):
    traced = randomize(ge.load("vit_tiny"))
    saved = {}
    ge.verify(traced, ge.analyze(traced), 0.5, save=lambda zeroed, small: saved.update(zeroed=zeroed, small=small))
    x = images(1, 8, 5)
    torch.save(x, tmp_path / "x.pt")
    torch.save(saved["zeroed"](x).detach(), tmp_path / "y.pt")
    saved["small"].save(tmp_path / "compact.pt2")
    code = (
        "import sys, torch\n"
        "m = torch.export.load('compact.pt2').module()\n"
        "x, y = torch.load('x.pt'), torch.load('y.pt')\n"
        "assert not any(name.startswith('geta') for name in sys.modules)\n"
        "assert (m(x) - y).abs().max() <= 1e-5 * y.abs().max()\n"
        "assert m(x[:1]).shape == (1, 10) and m(x.repeat(9, 1, 1, 1)).shape == (45, 10)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_compact_keeps_parameter_names_and_can_be_analysed_again():
    traced = randomize(ge.load("resnet8"))
    saved = {}
    ge.verify(traced, ge.analyze(traced), 0.5, save=lambda zeroed, small: saved.update(small=small))
    small = saved["small"]
    assert [n for n, _ in small.graph_module().named_parameters()] == [
        n for n, _ in traced.graph_module().named_parameters()
    ]
    again = ge.analyze(small)
    assert len(again.prunable) <= len(ge.analyze(traced).prunable)
    assert ge.verify(small, again, 0.3).ok


@pytest.mark.parametrize("name", ["resnet20", "vit_tiny", "mobile_tiny", "dense_tiny", "vgg7"])
def test_predicted_macs_are_those_of_the_compact_program(name):
    traced = ge.load(name)
    qadg = ge.analyze(traced, activations=True)
    zero = module.random_units(qadg, 0.5, seed=4)
    saved = {}
    ge.verify(traced, qadg, 0.5, seed=4, save=lambda zeroed, small: saved.update(small=small))
    model = CostModel(traced.graph_module(), qadg)
    share = model.kept_share(zero)
    predicted = sum(layer.macs * s for layer, s in zip(model.layers, share))
    assert cost(saved["small"]).macs == pytest.approx(predicted, rel=1e-6)
    eight = np.full(len(qadg.quantizers), 8.0, np.float32)
    whole = np.zeros(qadg.total_units, bool)
    assert 0 < model.relative_bops(zero).of(eight) < model.relative_bops(whole).of(eight) <= 0.25
    floats = np.full(len(qadg.quantizers), 32)
    assert cost(saved["small"]).bytes == pytest.approx(model.bytes(zero).of(floats), rel=1e-6)


def test_macs_by_hand():
    layers = {layer.layer: layer.macs for layer in cost(ge.load("resnet20")).layers}
    assert layers["conv1"] == 1 * 16 * 9 * 64
    assert layers["layer2.0.conv2"] == 32 * 32 * 9 * 16
    assert layers["fc"] == 64 * 10


def test_bad_sparsity_names_what_can_be_reached():
    traced = ge.load("mlp")
    qadg = ge.analyze(traced)
    with pytest.raises(InputError, match="largest K is 190 of 192"):
        ge.verify(traced, qadg, 0.995)
    with pytest.raises(InputError, match="0 <= sparsity < 1"):
        ge.verify(traced, qadg, 1.2)
