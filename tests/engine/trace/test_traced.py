"""Tracing, the train/eval switch, and a round trip through a file."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import geta_engine as ge
from geta_engine.errors import InputError
from geta_engine.trace.passes.train_eval import set_training
from tests.models import images, traced


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(torch.relu_(self.norm(self.conv(x)))).mean((2, 3))


def test_train_and_eval_are_those_of_the_module():
    model = Dropping()
    module = ge.trace(model, (images(),)).graph_module()
    module.load_state_dict(model.state_dict())
    x = images(batch=16)
    for training in (True, False):
        model.train(training)
        set_training(module, training)
        torch.manual_seed(0)
        expected = model(x)
        torch.manual_seed(0)
        torch.testing.assert_close(module(x), expected)
        torch.testing.assert_close(module.get_buffer("norm.running_mean"), model.norm.running_mean)


def test_any_batch_size_and_a_file_that_comes_back(tmp_path):
    made = traced(Dropping(), images())
    made.save(tmp_path / "deep" / "m.pt2")
    again = ge.load(str(tmp_path / "deep" / "m.pt2"))
    assert again.name == "m" and again.hash
    for batch in (1, 2, 7):
        x = images(batch=batch)
        torch.testing.assert_close(again(x), made(x))


def test_a_copy_is_its_own():
    made = traced(Dropping(), images())
    one, two = made.graph_module(), made.graph_module()
    with torch.no_grad():
        one.get_parameter("conv.weight").zero_()
    assert two.get_parameter("conv.weight").abs().sum() > 0


def test_the_model_keeps_its_mode():
    model = Dropping().train()
    ge.trace(model, (images(),))
    assert model.training and model.norm.training


def test_keyword_and_dict_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 6)
            self.out = nn.Linear(6, 2)

        def forward(self, x, *, extra):
            return self.out(torch.relu(self.fc(x) * extra["scale"]))

    kwargs = {"extra": {"scale": torch.rand(3, 6) + 0.5}}
    made = ge.trace(Two(), (torch.randn(3, 4),), kwargs)
    qadg = ge.analyze(made)
    assert ge.verify(made, qadg, 0.0).ok
    reason = qadg.groups[0].reason
    assert reason is not None and "combines it with" in reason


def test_what_cannot_be_traced_is_one_sentence():
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(InputError, match="Branch cannot be traced") as caught:
        ge.trace(Branch(), (torch.randn(2, 3),))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["resnet21", "nowhere.pt2", "no.such.module:factory", "missing.py:make"])
def test_a_bad_spec_is_one_sentence(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        ge.load(spec)
    assert "\n" not in str(caught.value)


def test_a_factory_with_and_without_inputs(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "def bare():\n    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))\n"
        "def whole():\n    return bare(), torch.zeros(2, 4)\n"
    )
    assert ge.analyze(ge.load(f"{tmp_path}/mine.py:whole")).prunable_units == 6
    assert ge.analyze(ge.load(f"{tmp_path}/mine.py:bare", "2,4")).prunable_units == 6
    with pytest.raises(InputError, match="returns no example inputs"):
        ge.load(f"{tmp_path}/mine.py:bare")
    with pytest.raises(InputError, match="would run code"):
        ge.load(f"{tmp_path}/mine.py:whole", allow_code=False)


class Quantized(nn.Module):
    """PyTorch's own fake quantizers on a weight and on an activation."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.h = nn.Linear(5, 8), nn.Linear(8, 3)
        self.register_buffer("scale", torch.full((3,), 0.1))
        self.register_buffer("zero", torch.zeros(3, dtype=torch.int32))

    def forward(self, x):
        y = torch.fake_quantize_per_tensor_affine(torch.relu(self.a(x)), 0.1, 0, -128, 127)
        weight = torch.fake_quantize_per_channel_affine(self.h.weight, self.scale, self.zero, 0, -128, 127)
        return nn.functional.linear(y, weight, self.h.bias)


def test_fake_quantizers_of_pytorch_take_any_batch_size():
    made = traced(Quantized(), torch.randn(2, 5))
    assert made(torch.randn(7, 5)).shape == (7, 3)
    qadg = ge.analyze(made)
    assert [(b.kind, b.source) for b in qadg.branches] == [("inserted", "relu"), ("attached", "h_weight")]
    assert ge.verify(made, qadg, 0.5).ok
    with pytest.raises(InputError, match="verify it in float32"):
        ge.verify(made, qadg, 0.5, dtype=torch.float64)
