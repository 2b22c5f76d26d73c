"""What quantizers would lose at each width: against a slow counterpart, and against what they do lose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.data.tasks.drawn import of_classes, of_numbers
from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.fitted_clips import fitted_clips
from geta_engine.quant.sensitivity import sensitivity
from tests.models import traced


class Small(nn.Module):
    """Two layers; the first one's output is read without a quantizer too."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.a(x))
        return self.b(h) + h[:, :4]


@pytest.fixture(scope="module")
def small() -> Small:
    torch.manual_seed(1)
    return Small()


@pytest.fixture(scope="module")
def prepared(small: Small) -> ge.PreparedModel:
    program = traced(small, torch.randn(5, 6))
    model = ge.prepare(program, ge.analyze(program, activations=True), "2:6")
    with torch.no_grad():
        model.program.load_state_dict(small.state_dict(), strict=False)
    return model


def batches(count: int, rows: int = 40) -> list[tuple[Tensor]]:
    return [(torch.randn(rows, 6, generator=torch.Generator().manual_seed(i)),) for i in range(count)]


def slow_losses(small: Small, data: list[tuple[Tensor]], seed: int) -> dict[str, list[float]]:
    """Omega of each quantizer at 2 to 6 bits, a width and a number at a time."""
    torch.manual_seed(seed)
    sums: dict[str, np.ndarray] = {}
    clips: dict[str, list[float]] = {}
    for (x,) in data:
        reads = {"a.weight": small.a.weight, "b.weight": small.b.weight, "x": x}
        reads = {name: value.detach().clone().requires_grad_() for name, value in reads.items()}
        h = torch.relu(F.linear(reads["x"], reads["a.weight"], small.a.bias))
        reads["h"] = h.detach().clone().requires_grad_()
        logits = F.linear(reads["h"], reads["b.weight"], small.b.bias) + h[:, :4]
        loss = of_classes(logits)
        inner = torch.autograd.grad(loss, [reads["h"], reads["b.weight"]], retain_graph=True)
        outer = torch.autograd.grad(h, [reads["x"], reads["a.weight"]], _upstream(logits, loss, small, h))
        gradients = {"h": inner[0], "b.weight": inner[1], "x": outer[0], "a.weight": outer[1]}
        for name, value in reads.items():
            widths, sign = range(2, 7), 0 if name == "h" else 1  # after a ReLU there is no sign
            if name not in clips:
                clips[name] = fitted_clips(value.detach(), list(widths), sign=sign).tolist()
            row = []
            for width, clip in zip(widths, clips[name]):
                made = fake_quantize(value.detach(), torch.tensor(clip / (2 ** (width - sign) - 1)), torch.tensor(clip))
                row.append(
                    sum(
                        float(g) ** 2 * (float(q) - float(v)) ** 2
                        for g, q, v in zip(gradients[name].flatten(), made.flatten(), value.detach().flatten())
                    )
                    / (2 * len(x))
                )
            sums[name] = sums.get(name, np.zeros(5)) + np.array(row) / len(data)
    return {name: [max(total[i:]) for i in range(5)] for name, total in sums.items()}


def _upstream(logits: Tensor, loss: Tensor, small: Small, h: Tensor) -> Tensor:
    """The gradient at h by both of its readers."""
    (at_logits,) = torch.autograd.grad(loss, logits, retain_graph=True)
    upstream = at_logits @ small.b.weight.detach()
    upstream[:, :4] += at_logits
    return upstream


def test_it_is_the_sum_that_the_formula_says(small: Small, prepared: ge.PreparedModel) -> None:
    data = batches(2)
    torch.manual_seed(9)
    actual = sensitivity(prepared, data, of_classes)
    slow = slow_losses(small, data, 9)
    ids = [q.id for q in prepared.quantizers.quantizers]
    named = {"a.weight": "a.weight", "b.weight": "b.weight"}
    activations = [q for q in prepared.quantizers.quantizers if q.kind == "activation"]
    named |= {q.id: "x" if q.readers == ("linear",) else "h" for q in activations}
    assert set(named) == set(ids) and len(ids) == 4
    for name, loss in zip(ids, actual.losses):
        assert loss.tolist() == pytest.approx(slow[named[name]], rel=1e-3)


def test_the_model_is_as_it_was(prepared: ge.PreparedModel) -> None:
    before = {name: value.clone() for name, value in prepared.state_dict().items()}
    prepared.eval()
    sensitivity(prepared, batches(1), of_classes)
    assert not prepared.training
    assert all(p.grad is None for p in prepared.parameters())
    assert all(torch.equal(value, before[name]) for name, value in prepared.state_dict().items())


def test_gradients_that_are_there_stay_as_they_are(prepared: ge.PreparedModel) -> None:
    prepared(torch.randn(5, 6)).square().sum().backward()
    before = {name: p.grad.clone() for name, p in prepared.named_parameters() if p.grad is not None}
    sensitivity(prepared, batches(1), of_classes)
    after = {name: p.grad for name, p in prepared.named_parameters() if p.grad is not None}
    assert before and before.keys() == after.keys() and all(torch.equal(before[n], after[n]) for n in before)
    prepared.zero_grad(set_to_none=True)


def test_losses_fall_as_widths_grow(prepared: ge.PreparedModel) -> None:
    for loss in sensitivity(prepared, batches(1), of_classes).losses:
        assert loss.shape == (5,) and np.all(np.diff(loss) <= 0) and loss[0] > 0


def test_it_ranks_quantizers_as_the_divergence_of_the_outputs_does() -> None:
    """LeNet on digits, one quantizer at a time at 2, 3 and 4 bits: KL of the outputs against the dense ones."""
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
    target = torch.tensor(load_digits().target)
    model_traced = ge.load("lenet")
    (example,) = model_traced.example_args
    images = F.interpolate(images, example.shape[-1])
    model = ge.prepare(model_traced, ge.analyze(model_traced, activations=True), "2:4")
    optimizer = torch.optim.Adam(model.model_parameters().values(), 2e-3)
    model.quantize(False).train()
    for step in range(150):
        rows = torch.arange(step * 64, step * 64 + 64) % 1500
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), target[rows]).backward()
        optimizer.step()
    test = images[1500:]
    actual = sensitivity(model, [(images[:750],), (images[750:1500],)], of_classes)
    model.train()
    with torch.no_grad():
        dense = model(test).log_softmax(-1)
        predicted, measured = [], []
        for i, (losses, clips) in enumerate(zip(actual.losses, actual.clips)):
            for width, loss, clip in zip((2, 3, 4), losses, clips):
                taps = OneQuantizer(model, i, float(clip), width)
                (logits,) = taps.run(test, enable_io_processing=False)
                predicted.append(loss)
                measured.append(float(F.kl_div(logits.log_softmax(-1), dense, reduction="batchmean", log_target=True)))
    assert spearmanr(predicted, measured).statistic >= 0.85


class OneQuantizer(torch.fx.Interpreter):
    """The dense program with one of its quantizers at work."""

    def __init__(self, model: ge.PreparedModel, number: int, clip: float, width: int) -> None:
        super().__init__(model.program)
        self.id = model.quantizers.quantizers[number].id
        levels = 2 ** (width - int(model.quantizers.sign[number])) - 1
        self.clip, self.step = torch.tensor(clip), torch.tensor(clip / levels)

    def run_node(self, n: torch.fx.Node) -> object:
        if n.target is not fake_quantize:
            return super().run_node(n)
        source = self.env[n.all_input_nodes[0]]
        return fake_quantize(source, self.step, self.clip) if n.meta["quantizer"] == self.id else source


def test_drawn_numbers_have_the_gradient_of_their_noise() -> None:
    output = torch.zeros(20_000, requires_grad=True)
    of_numbers(output, 4.0).backward()
    assert output.grad is not None
    assert float(output.grad.mean()) == pytest.approx(0, abs=0.02)
    assert float(output.grad.var()) == pytest.approx(1 / 4, rel=0.05)
