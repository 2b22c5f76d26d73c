"""Quantizers in place: where they stand, what calibration sets, and that the traced model stays as it was."""

from __future__ import annotations

import pytest
import torch

import geta_engine as ge
from geta_engine.config import Bounds
from geta_engine.errors import InputError
from geta_engine.quant import calibrate
from geta_engine.quant.fake_quant import fake_quantize
from tests.models import images


@pytest.fixture(scope="module")
def resnet() -> ge.TracedModel:
    return ge.load("resnet8")


def test_one_node_a_quantizer_and_one_activation_quantizer_a_tensor(resnet):
    qadg = ge.analyze(resnet, activations=True)
    model = ge.prepare(resnet, qadg)
    marked = [n.meta["quantizer"] for n in model.program.graph.nodes if n.target is fake_quantize]
    assert sorted(marked) == sorted(q.id for q in qadg.quantizers)
    shared = [q for q in qadg.quantizers if q.kind == "activation" and len(q.readers) > 1]
    assert shared, "a block's input feeds its first convolution and its projection"


def test_sixteen_bits_change_next_to_nothing(resnet):
    x = images(1, 8, 64)
    qadg = ge.analyze(resnet, weights=True, activations=False)
    model = ge.prepare(resnet, qadg)
    assert model.quantizers.bits().tolist() == pytest.approx([16.0] * len(qadg.quantizers), abs=1e-3)
    with torch.no_grad():
        dense, quantized = resnet(x), model(x)
    assert (dense - quantized).abs().max() < 1e-2 * dense.abs().max()


def test_calibration_sets_clips_from_data_and_leaves_statistics_alone(resnet):
    qadg = ge.analyze(resnet, activations=True)
    model = ge.prepare(resnet, qadg)
    before = {name: b.clone() for name, b in model.program.named_buffers()}
    x = images(1, 8, 64)
    calibrate(model, [(x,)])
    entry = next(i for i, q in enumerate(qadg.quantizers) if q.id == "act.x")
    ranked = x.abs().flatten().sort().values
    assert ranked[-10] <= model.quantizers.q_m[entry] <= ranked[-1]
    assert all(torch.equal(before[name], b) for name, b in model.program.named_buffers())


def test_training_a_prepared_model_leaves_the_traced_one_alone(resnet):
    before = {k: v.clone() for k, v in resnet.program.state_dict.items()}
    model = ge.prepare(resnet, ge.analyze(resnet))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[k], v) for k, v in resnet.program.state_dict.items())


def test_bounds_of_one_layer_and_an_unknown_one(resnet):
    qadg = ge.analyze(resnet)
    model = ge.prepare(resnet, qadg, "4:8", {"conv1.weight": Bounds(lower=2, upper=6)})
    assert (model.quantizers.lower[0], model.quantizers.upper[0]) == (2, 6)
    assert (model.quantizers.lower[1], model.quantizers.upper[1]) == (4, 8)
    with pytest.raises(InputError, match="no quantizer 'conv9'"):
        ge.prepare(resnet, qadg, "4:8", {"conv9": Bounds()})


def test_train_and_eval_switch_batch_norm(resnet):
    model = ge.prepare(resnet, ge.analyze(resnet))
    x = images(1, 8, 16)
    before = {n: b.clone() for n, b in model.program.named_buffers() if "running_mean" in n}
    model.eval()(x)
    assert all(torch.equal(before[n], b) for n, b in model.program.named_buffers() if n in before)
    model.train()(x)
    assert not any(torch.equal(before[n], b) for n, b in model.program.named_buffers() if n in before)


@pytest.mark.parametrize("learn_t", [False, True])
def test_weights_quantized_in_one_call_are_those_quantized_one_by_one(resnet, learn_t):
    """Values and every gradient of the program with a node a quantizer, to the last bit."""
    x = images(1, 8, 64)
    actual = []
    for together in (False, True):
        model = ge.prepare(resnet, ge.analyze(resnet, activations=True), learn_t=learn_t)
        calibrate(model, [(x,)])
        with torch.no_grad():
            model.quantizers.t.mul_(torch.linspace(0.8, 1.2, len(model.quantizers.t)))
        model.quantizers.set_clips({"conv.weight": 0.05})
        output = (model if together else model.program)(x)
        output.square().sum().backward()
        actual.append((output, {name: p.grad for name, p in model.program.named_parameters()}))
    (one, each), (other, together) = actual
    assert torch.equal(one, other)
    assert all(each[name] is not None for name in ("geta_quantizers.d", "geta_quantizers.q_m"))
    for name, gradient in each.items():
        assert (gradient is None) == (together[name] is None), name
        assert gradient is None or torch.equal(gradient, together[name]), name
