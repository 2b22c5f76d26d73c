"""Schedulers of torch.optim.lr_scheduler on the optimizer, unchanged: both groups move as torch.optim moves them."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from geta_engine.config import Schedule
from geta_engine.qasso.base import BaseOptimizer
from tests.engine.qasso.small import choose_bits_where_due, gradients, memory, start, zeros

STEPS = 12
SCHEDULE = Schedule(warmup=STEPS, projection=1, projection_periods=1, joint=1, joint_periods=1, cooldown=0)
MAKE = {
    "step": lambda o, lr, cycle: lr_scheduler.StepLR(o, 3, 0.3),
    "cosine": lambda o, lr, cycle: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "one cycle": lambda o, lr, cycle: lr_scheduler.OneCycleLR(o, lr, total_steps=STEPS + 1, cycle_momentum=cycle),
    "plateau": lambda o, lr, cycle: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1),
}
LOSSES = [3.0, 2.0, 2.1, 2.2, 2.3, 2.4, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5]


@pytest.mark.parametrize(
    "base", [BaseOptimizer("sgd", momentum=0.9), BaseOptimizer("adam"), BaseOptimizer("adamw", weight_decay=0.1)]
)
@pytest.mark.parametrize("kind", MAKE)
def test_the_lr_that_a_scheduler_sets_is_the_lr_that_is_used(small, kind, base):
    """Copies of both groups follow torch.optim on the same gradients: network values, and logarithms of the clips."""
    _, model, opt = start(small, base=base, schedule=SCHEDULE, lr=0.05, lr_quant=0.02)
    bank, network = model.quantizers, opt.param_groups[0]["params"]
    counterparts = [torch.nn.Parameter(p.detach().clone()) for p in network]
    log_clip = torch.nn.Parameter(bank.q_m.detach().log())
    settings = {k: v for k, v in base.settings().items() if k != "method"}
    classes = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[base.method]
    others = [classes(counterparts, lr=0.05, **settings), torch.optim.Adam([log_clip], lr=0.02)]
    scheduler = MAKE[kind](opt, [0.2, 0.04], True)
    clips_cycle = base.method != "sgd"
    theirs = [MAKE[kind](o, lr, c) for o, lr, c in zip(others, (0.2, 0.04), (True, clips_cycle))]
    seen = []
    for loss in LOSSES:
        gradients(model, opt)
        for counterpart, parameter in zip(counterparts, network):
            counterpart.grad = parameter.grad.clone()
        log_clip.grad = (bank.q_m * bank.q_m.grad).detach()
        seen.append([group["lr"] for group in opt.param_groups])
        assert seen[-1] == pytest.approx([o.param_groups[0]["lr"] for o in others])
        opt.step()
        for o in others:
            o.step()
        for counterpart, parameter in zip(counterparts, network):
            torch.testing.assert_close(parameter, counterpart, rtol=2e-5, atol=2e-6)
        torch.testing.assert_close(bank.q_m.detach(), log_clip.detach().exp(), rtol=2e-5, atol=0)
        for s in (scheduler, *theirs):
            s.step(*([loss] if kind == "plateau" else []))
    assert all(len(set(lrs)) > 2 for lrs in zip(*seen)), "the scheduler did not change both rates"


def test_a_run_under_one_cycle_meets_its_constraints(small):
    """Momentum goes down and up with the rate, from 0 in the configuration to 0.95 in the groups."""
    schedule = Schedule(warmup=2, projection=4, projection_periods=2, joint=6, joint_periods=3, cooldown=4)
    qadg, model, opt = start(small, base=BaseOptimizer("sgd", momentum=0.0), schedule=schedule)
    scheduler = lr_scheduler.OneCycleLR(opt, [0.1, 0.01], total_steps=schedule.total)
    for _ in range(schedule.total):
        gradients(model, opt)
        choose_bits_where_due(model, opt)
        opt.step()
        if opt.steps < schedule.total:
            scheduler.step()
    opt.assert_constraints()
    assert opt.param_groups[0]["momentum"] > 0.9
    slots = memory(model, qadg, opt, zeros(model, qadg))
    assert slots and all((slot == 0).all() for slot in slots), "a zero unit is remembered"
