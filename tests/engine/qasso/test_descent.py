"""The joint stage's descent, measured on what the parameters really did (docs/method.md, section 4)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geta_engine.config import Schedule
from geta_engine.qasso.base import BaseOptimizer
from geta_engine.qasso.updates import ETA, ZETA
from tests.engine.qasso.small import choose_bits_where_due, gradients, start, units_of

SCHEDULE = Schedule(warmup=2, projection=2, projection_periods=1, joint=40, joint_periods=4, cooldown=0)
MET = {"both": 3, "one": 12}


@pytest.mark.parametrize(("lr", "learn_t"), [(0.02, False), (0.2, True), (0.4, False)])
def test_every_joint_step_with_negative_cosines_goes_down(program, lr, learn_t):
    """Momentum 0, so that g is the gradient. Steps that end a period set to zero and are left out.

    With both cosines negative g . step <= -eta (1 - zeta) lr ||g||^2. A tensor without a quantizer, or with R~ = 0, has
    g . step = -lr ||g||^2 - gamma g . c~ = -eta lr ||g||^2 where cos(g, c~) is negative.
    """
    qadg, model, opt = start(
        program, 0.7, SCHEDULE, BaseOptimizer("sgd", momentum=0.0), lr, "2:8", learn_t=learn_t, rule="paper"
    )
    parameters = model.model_parameters()
    units = units_of(qadg, parameters)
    met = dict.fromkeys(MET, 0)
    while opt.steps < SCHEDULE.total:
        gradients(model, opt)
        at = opt.stage_step
        before = {name: p.detach().numpy().copy() for name, p in parameters.items()}
        opt.step()
        if at.stage != "joint" or at.ends_period:
            continue
        redundant = np.flatnonzero((opt.unit_state == 1).numpy())
        names, sums, rule = opt.rule
        masks = {name: np.logical_or.reduce([units[u][name] for u in redundant if name in units[u]]) for name in names}
        assert len(redundant) and {name for u in redundant for name in units[u]} == set(names)
        for i, name in enumerate(names):
            was, now, mask = before[name].astype(float), parameters[name].detach().double().numpy(), masks[name]
            g = parameters[name].grad.double().numpy()[mask]
            product, gg = float(g @ (now - was)[mask]), float(g @ g)
            assert float(sums.gg[i]) == pytest.approx(gg, rel=1e-4)
            rounding = 2e-7 * float(np.abs(g) @ np.maximum(np.abs(now), np.abs(was))[mask])
            bound = None
            if float(sums.rr[i]) == 0 and rule.cos_g[i] < 0 and float(sums.cc[i]) > 1e-12:
                bound, kind = -ETA * lr * gg, "one"
            elif rule.cos_g[i] < 0 and rule.cos_d[i] < 0:
                bound, kind = -ETA * (1 - ZETA) * lr * gg, "both"
            if bound is not None:
                met[kind] += 1
                assert product <= bound * (1 - 1e-3) + rounding, (opt.steps, name)
    assert all(met[kind] >= least for kind, least in MET.items()), met


@pytest.mark.parametrize(("lr", "learn_t"), [(0.02, False), (0.2, True), (0.4, False)])
def test_every_joint_step_goes_down_with_the_bits_that_are_chosen(program, lr, learn_t):
    """g . step <= -eta (1 - zeta) lr ||g||^2 for every tensor in every step, measured on the parameters themselves."""
    qadg, model, opt = start(program, 0.7, SCHEDULE, BaseOptimizer("sgd", momentum=0.0), lr, "2:8", learn_t=learn_t)
    parameters = model.model_parameters()
    units, met = units_of(qadg, parameters), 0
    while opt.steps < SCHEDULE.total:
        choose_bits_where_due(model, opt)
        gradients(model, opt)
        at = opt.stage_step
        before = {name: p.detach().numpy().copy() for name, p in parameters.items()}
        opt.step()
        if at.stage != "joint" or at.ends_period:
            continue
        redundant = np.flatnonzero((opt.unit_state == 1).numpy())
        names, _, rule = opt.rule
        for i, name in enumerate(names):
            mask = np.logical_or.reduce([units[u][name] for u in redundant if name in units[u]])
            was, now = before[name].astype(float)[mask], parameters[name].detach().double().numpy()[mask]
            g = parameters[name].grad.double().numpy()[mask]
            product, gg = float(g @ (now - was)), float(g @ g)
            rounding = 2e-7 * float(np.abs(g) @ np.maximum(np.abs(now), np.abs(was)))
            assert product <= -ETA * (1 - ZETA) * lr * gg * (1 - 1e-3) + rounding, (opt.steps, name)
            assert 0 <= float(rule.gamma[i]) <= 1 / (at.length - at.offset) * (1 + 1e-6)
            met += 1
    assert met > 100
    opt.assert_constraints()


def test_where_the_bounds_leave_d_free_the_inequality_is_met_exactly(program):
    """Gradients nearly at right angles to c~ and against R~, such that the rule's d is within [d(b_u), d(b_l)]:
    g . step = -eta (1 - zeta) lr ||g||^2."""
    lr, gain = 0.01, ZETA * ETA / (1 - ETA)
    qadg, model, opt = start(program, 0.7, SCHEDULE, BaseOptimizer("sgd", momentum=0.0), lr, "2:16", rule="paper")
    parameters, bank = model.model_parameters(), model.quantizers
    units, numbers = units_of(qadg, parameters), {q.id: i for i, q in enumerate(bank.quantizers)}
    met = 0
    while opt.steps < SCHEDULE.total:
        gradients(model, opt)
        at, crafted = opt.stage_step, {}
        if at.stage == "joint" and not at.starts_period and not at.ends_period:
            redundant = np.flatnonzero((opt.unit_state == 1).numpy())
            for name in {name for u in redundant for name in units[u]} & set(numbers):
                mask = np.logical_or.reduce([units[u][name] for u in redundant if name in units[u]])
                d, q_m = (float(v.detach()[numbers[name]]) for v in (bank.d, bank.q_m))
                x = parameters[name].detach().double().numpy()[mask]
                c = x.clip(-q_m, q_m)
                r = (c / d).round() - c / d
                across = r - (r @ c) / (c @ c) * c
                wanted = q_m / 200
                g = -across - wanted * (r @ across) / (gain * (c @ c)) * c
                parameters[name].grad[torch.from_numpy(mask)] = torch.from_numpy(g).float()
                crafted[name] = (mask, x, g, wanted)
        opt.step()
        for name, (mask, before, g, wanted) in crafted.items():
            names, _, rule = opt.rule
            ruled = float(rule.d[names.index(name)])
            if ruled == pytest.approx(wanted, rel=1e-2):
                step = parameters[name].detach().double().numpy()[mask] - before
                assert float(g @ step) == pytest.approx(-ETA * (1 - ZETA) * lr * (g @ g), rel=1e-2)
                met += 1
    assert met > 10


@pytest.mark.parametrize(
    "base", [BaseOptimizer("sgd"), BaseOptimizer("adam"), BaseOptimizer("adamw", weight_decay=0.1)]
)
def test_the_rules_sums_are_those_of_the_base_direction(small, base):
    """The same inequality on the rule's own sums, for methods whose g is not the gradient."""
    _, model, opt = start(small, 0.7, SCHEDULE, base, lr=0.05, rule="paper")
    met = 0
    while opt.steps < SCHEDULE.total:
        gradients(model, opt)
        opt.step()
        if opt.rule is None:
            continue
        _, sums, rule = opt.rule
        product = -0.05 * sums.gg - rule.gamma * (sums.g_dot_c + rule.d * sums.g_dot_r)
        both = (rule.cos_g < 0) & (rule.cos_d < 0)
        met += int(both.sum())
        assert (product[both] <= -ETA * (1 - ZETA) * 0.05 * sums.gg[both] * (1 - 1e-3)).all()
        assert all(bool(torch.isfinite(part).all()) for part in (*sums, *rule))
    assert met > 10


def test_a_step_at_learning_rate_zero_leaves_the_bits_alone(small):
    """A scheduler may pass through 0: a rule that moves nothing must not send a layer to its fewest bits."""
    _, model, opt = start(small, 0.5, rule="paper")
    while opt.stage_step.stage != "joint":
        gradients(model, opt)
        opt.step()
    before = opt.bank.bits().clone()
    opt.param_groups[0]["lr"] = opt.param_groups[1]["lr"] = 0.0
    gradients(model, opt)
    opt.step()
    torch.testing.assert_close(opt.bank.bits(), before)
