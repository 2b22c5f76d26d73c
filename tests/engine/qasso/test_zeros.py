"""Zero units against everything that could bring them back: momentum, decay, Adam's memory, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geta_engine.config import Schedule
from geta_engine.errors import CheckFailed
from geta_engine.qasso.base import BaseOptimizer
from tests.engine.qasso.small import gradients, memory, start, train, units_of, zeros

SCHEDULE = Schedule(warmup=2, projection=2, projection_periods=1, joint=6, joint_periods=3, cooldown=6)
BASES = {
    "sgd": BaseOptimizer("sgd", momentum=0.0, weight_decay=0.1),
    "momentum": BaseOptimizer("sgd", momentum=0.95, weight_decay=0.1),
    "dampening": BaseOptimizer("sgd", momentum=0.95, dampening=0.5),
    "nesterov": BaseOptimizer("sgd", momentum=0.95, nesterov=True, weight_decay=0.1),
    "adam": BaseOptimizer("adam", weight_decay=0.1),
    "adamw": BaseOptimizer("adamw", betas=(0.95, 0.99), weight_decay=0.1),
}


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_huge_gradients_move_no_zero_unit_and_are_not_remembered(program, base):
    """From the end of the first joint period on: in later periods and in the cool-down."""
    qadg, model, opt = start(program, 0.7, SCHEDULE, base, lr=0.01)
    train(model, opt, 6)
    held = zeros(model, qadg)
    assert 0 < held.sum() < opt.k_target
    while opt.steps < SCHEDULE.total:
        gradients(model, opt)
        for parameter in opt.param_groups[0]["params"]:
            parameter.grad.add_(torch.full_like(parameter, 1e3))
        before = {name: p.detach().clone() for name, p in model.model_parameters().items()}
        opt.step()
        now = zeros(model, qadg)
        assert not (held & ~now).any()
        held = now
        slots = memory(model, qadg, opt, held)
        assert bool(slots) == (base.method != "sgd" or base.momentum > 0)
        assert all((slot == 0).all() for slot in slots)
        kept = units_of(qadg, before)[int(np.flatnonzero(~held)[0])]
        assert any(
            (before[n].numpy()[m] != model.model_parameters()[n].detach().numpy()[m]).any() for n, m in kept.items()
        )
    assert held.sum() == opt.k_target
    opt.assert_constraints()


def test_what_is_written_into_a_zero_unit_from_outside_is_gone_after_a_step(program):
    """An average written back, or a hook of the user's."""
    qadg, model, opt = start(program, 0.7, SCHEDULE)
    train(model, opt, SCHEDULE.total - 2)
    with torch.no_grad():
        for parameter in model.model_parameters().values():
            parameter.add_(0.25)
    assert zeros(model, qadg).sum() == 0
    train(model, opt, 1)
    assert zeros(model, qadg).sum() == opt.k_target


def test_check_sees_a_unit_that_is_not_zero_and_a_bit_width_that_is_not_whole(small):
    qadg, model, opt = start(small, 0.5, SCHEDULE)
    train(model, opt, SCHEDULE.total)
    opt.assert_constraints()
    unit = int(np.flatnonzero(zeros(model, qadg))[0])
    name, mask = next(iter(units_of(qadg, model.model_parameters())[unit].items()))
    value = model.model_parameters()[name]
    value.data[torch.from_numpy(mask)] = 1e-12
    with pytest.raises(CheckFailed, match=f"{opt.k_target - 1} units are zero, not K = {opt.k_target}"):
        opt.assert_constraints()
    value.data[torch.from_numpy(mask)] = 0.0
    model.quantizers.d.data[0] *= 1.05
    with pytest.raises(CheckFailed, match="1 bit widths are not integers"):
        opt.assert_constraints()
