"""Parameters that do not require a gradient, and parameters that get none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import geta_engine as ge
from geta_engine.qasso.base import BaseOptimizer
from tests.engine.qasso.small import SCHEDULE, Small, batch, choose_bits_where_due, start, train, units_of, zeros
from tests.models import images, traced


def frozen_run(small, names, sparsity, base):
    """A run in which `names` (all of them if empty) require no gradient; their first values too."""
    qadg, model, unused = start(small, sparsity, base=base)
    parameters = model.model_parameters()
    names = names or list(parameters)
    for name in names:
        parameters[name].requires_grad_(False)
    opt = ge.QASSO(model, qadg, unused.config, lr=0.05)
    first = {name: parameters[name].detach().clone() for name in names}
    train(model, opt, SCHEDULE.total)
    return qadg, model, opt, first


@pytest.mark.parametrize(
    "base", [BaseOptimizer("sgd", weight_decay=0.1), BaseOptimizer("adam"), BaseOptimizer("adamw", weight_decay=0.1)]
)
@pytest.mark.parametrize("names", [["a.weight"], ["b.bias", "bn.weight", "c.weight"], []], ids=["one", "some", "all"])
def test_frozen_values_stay_but_their_units_can_go(small, names, base):
    qadg, model, opt, first = frozen_run(small, names, 0.6, base)
    zero = zeros(model, qadg)
    assert zero.sum() == opt.k_target == 6
    opt.assert_constraints()
    masks = units_of(qadg, first | model.model_parameters())
    for name, value in first.items():
        gone = np.zeros(value.shape, bool)
        for u in np.flatnonzero(zero):
            gone |= masks[u].get(name, False)
        now = model.model_parameters()[name].detach().numpy()
        assert (now[gone] == 0).all()
        assert (now[~gone] == value.numpy()[~gone]).all(), f"{name} was trained"
        assert not opt.state[model.model_parameters()[name]]


class WithSpare(Small):
    """Has a parameter that the loss does not depend on; it is part of the program all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return super().forward(x), self.spare * 2


@pytest.mark.parametrize(
    "base", [BaseOptimizer("sgd", weight_decay=0.1), BaseOptimizer("adam"), BaseOptimizer("adamw", weight_decay=0.1)]
)
def test_a_parameter_without_a_gradient_does_no_harm(base):
    torch.manual_seed(0)
    program = traced(WithSpare(), images(1, 4))
    qadg, model, opt = start(program, 0.6, base=base)
    spare = model.model_parameters()["spare"]
    first = spare.detach().clone()
    while opt.steps < SCHEDULE.total:
        opt.zero_grad()
        x, y = batch(program, opt.steps)
        nn.functional.cross_entropy(model.train()(x)[0], y).backward()
        assert spare.grad is None
        choose_bits_where_due(model, opt)
        opt.step()
    opt.assert_constraints()
    assert zeros(model, qadg).sum() == 6
    assert torch.equal(spare, first), "torch.optim leaves a parameter without a gradient as it is"
