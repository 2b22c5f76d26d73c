"""What each unit would lose, against masks that are written into the network by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.data.tasks.drawn import of_classes
from geta_engine.quant.sensitivity import sensitivity
from tests.models import traced

ROWS = 12


class Masked(nn.Module):
    """A stem with a norm, an inner layer, a residual sum that a parameter enters, and a head: groups of 6 and 5."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn = nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.b, self.c = nn.Conv2d(6, 5, 1), nn.Conv2d(5, 6, 1)
        self.offset = nn.Parameter(torch.randn(1, 6, 1, 1))
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor, outer: Tensor | None = None, inner: Tensor | None = None) -> Tensor:
        """`outer` [rows, 6] and `inner` [rows, 5] multiply what each producer of the two groups puts out."""
        along = (lambda m: m[:, :, None, None]) if outer is not None else (lambda m: 1)
        x = torch.relu(self.bn(self.a(x) * along(outer)) * along(outer))
        y = self.c(torch.relu(self.b(x) * along(inner))) * along(outer)
        return self.fc((x + y + self.offset * along(outer)).mean((2, 3)))


def test_it_is_the_mean_square_of_each_examples_slope() -> None:
    """dL_n / dm by autograd with a mask for each example, of the loss against the same drawn targets."""
    torch.manual_seed(0)
    network = Masked()
    x = torch.randn(ROWS, 2, 4, 4)
    program = traced(network, x)
    qadg = ge.analyze(program)
    model = ge.prepare(program, qadg)
    torch.manual_seed(5)
    actual = sensitivity(model, [(x,)], of_classes, qadg).units
    assert [group.size for group in qadg.prunable] == [6, 5] and actual.shape == (11,)
    outer, inner = (torch.ones(ROWS, size, requires_grad=True) for size in (6, 5))
    torch.manual_seed(5)
    of_classes(network.train()(x, outer, inner)).backward()
    slow = torch.cat([mask.grad.square().sum(0) / (2 * ROWS) for mask in (outer, inner)])
    np.testing.assert_allclose(actual, slow.numpy(), rtol=1e-3, atol=1e-9)


def test_without_the_graph_units_are_not_asked_for() -> None:
    program = traced(Masked(), torch.randn(4, 2, 4, 4))
    model = ge.prepare(program, ge.analyze(program))
    assert sensitivity(model, [(torch.randn(4, 2, 4, 4),)], of_classes).units.shape == (0,)


@pytest.mark.parametrize("name", ["vit_tiny", "mobile_tiny", "lenet"])
def test_every_unit_of_a_network_has_a_loss(name: str) -> None:
    """Heads, hidden units, residual streams with embeddings, depthwise channels: none is without a site."""
    program = ge.load(name)
    qadg = ge.analyze(program)
    model = ge.prepare(program, qadg)
    (example,) = program.example_args
    data = torch.randn(8, *example.shape[1:], generator=torch.Generator().manual_seed(1))
    losses = sensitivity(model, [(data,)], of_classes, qadg).units
    assert losses.shape == (qadg.prunable_units,) and np.isfinite(losses).all()
    for group, values in zip(qadg.prunable, np.split(losses, np.cumsum([g.size for g in qadg.prunable])[:-1])):
        assert (values > 0).mean() > 0.5, group.name


def test_units_are_ranked_as_the_loss_changes_without_them() -> None:
    """LeNet on digits, one unit zeroed at a time: KL of the outputs against the predicted loss."""
    from scipy.stats import spearmanr
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    program = ge.load("lenet")
    (example,) = program.example_args
    images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
    images, target = F.interpolate(images, example.shape[-1]), torch.tensor(load_digits().target)
    qadg = ge.analyze(program)
    model = ge.prepare(program, qadg).quantize(False)
    optimizer = torch.optim.Adam(model.model_parameters().values(), 2e-3)
    for step in range(150):
        rows = torch.arange(step * 64, step * 64 + 64) % 1500
        optimizer.zero_grad()
        F.cross_entropy(model.train()(images[rows]), target[rows]).backward()
        optimizer.step()
    predicted = sensitivity(model, [(images[:750],), (images[750:1500],)], of_classes, qadg).units
    parameters = model.model_parameters()
    test, measured = images[1500:], []
    with torch.no_grad():
        dense = model.eval()(test).log_softmax(-1)
        for group in qadg.prunable:
            for unit in range(group.size):
                kept = {m.parameter: parameters[m.parameter].clone() for m in group.members if m.role == "producer"}
                for m in group.members:
                    if m.role == "producer":
                        parameters[m.parameter].index_fill_(m.dim, torch.from_numpy(m.index[unit]), 0)
                logits = model(test).log_softmax(-1)
                measured.append(float(F.kl_div(logits, dense, reduction="batchmean", log_target=True)))
                for name, value in kept.items():
                    parameters[name].copy_(value)
    assert spearmanr(predicted, measured).statistic >= 0.8
