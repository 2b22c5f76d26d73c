"""A run saved after any step, and read back from bytes, ends as the run that was not interrupted, bit by bit."""

from __future__ import annotations

import io

import pytest
import torch

from geta_engine.config import Schedule
from geta_engine.qasso.base import BaseOptimizer
from tests.engine.qasso.small import everything, start, train

SCHEDULE = Schedule(pretrain=1, warmup=1, projection=2, projection_periods=2, joint=4, joint_periods=2, cooldown=2)
CASES = {
    "adam": {"base": BaseOptimizer("adam")},
    "momentum": {
        "base": BaseOptimizer("sgd", momentum=0.9, nesterov=True, weight_decay=0.01),
        "group_divisible": 2,
        "sparsity": 5 / 11,
    },
    "units and bits chosen together": {"allocation": "chosen", "bits": "2:8", "bops": 0.004},
    "learned t": {"base": BaseOptimizer("adamw", weight_decay=0.01), "learn_t": True},
}


def save(model, opt) -> bytes:
    target = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": opt.state_dict()}, target)
    return target.getvalue()


def restored(program, saved: bytes, case):
    _, model, opt = start(program, schedule=SCHEDULE, **case)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    state = torch.load(io.BytesIO(saved), weights_only=True)
    model.load_state_dict(state["model"])
    opt.load_state_dict(state["optimizer"])
    return model, opt


def assert_equal(one, two) -> None:
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert value.dtype == two[name].dtype and torch.equal(value, two[name]), name


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_resume_after_every_step_is_bit_identical(small, crossed, case):
    program = crossed if case.get("learn_t") else small
    _, model, opt = start(program, schedule=SCHEDULE, **case)
    saved, seen, names = [], [], []
    for _ in range(SCHEDULE.total):
        saved.append(save(model, opt))
        names.append(None if opt.rule is None else list(opt.rule[0]))
        seen.append({name: value.clone() for name, value in everything(model, opt).items()})
        train(model, opt, 1)
    opt.assert_constraints()
    end = everything(model, opt)
    assert any(name.startswith("rule.") for name in end)
    for step, data in enumerate(saved):
        second, opt_second = restored(program, data, case)
        assert_equal(seen[step], everything(second, opt_second))
        assert names[step] == (None if opt_second.rule is None else opt_second.rule[0])
        train(second, opt_second, SCHEDULE.total - step)
        assert_equal(end, everything(second, opt_second))


def test_a_saved_state_does_not_change_as_the_run_goes_on(small):
    """What `state_dict` says of units, bits and scores is a copy."""
    _, model, opt = start(small, schedule=SCHEDULE, base=BaseOptimizer("adam"))
    train(model, opt, 5)
    state, bits = opt.state_dict()["qasso"], opt.frozen_bits.clone()
    kept = {name: state[name].clone() for name in ("unit_state", "saliency")}
    train(model, opt, SCHEDULE.total - 5)
    assert state["steps"] == 5 and torch.equal(state["bit_choice"]["bits"], bits)
    assert all(torch.equal(kept[name], state[name]) for name in kept)
    assert not torch.equal(kept["unit_state"], opt.unit_state)
