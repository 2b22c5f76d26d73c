"""Bits chosen under a budget, on whole runs of small networks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import geta_engine as ge
from geta_engine.config import Schedule
from geta_engine.errors import CheckFailed, InputError
from geta_engine.qasso.bit_program import fits
from tests.engine.qasso.small import SCHEDULE, bit_widths, choose_bits_where_due, start, train, zeros


def slow_bops(model, kept=None) -> float:
    """Relative BOPs by a loop over the traced convolutions and linear layers, shapes after `kept` channels by layer."""
    shapes = {"a": (1, 6, 9, 16), "b": (6, 5, 1, 16), "c": (5, 6, 1, 16), "fc": (6, 3, 1, 1)}
    bits = {q.id: b for q, b in zip(model.quantizers.quantizers, bit_widths(model).round())}
    reads = {q.readers[0]: q.id for q in model.quantizers.quantizers}
    entering = {q.layer: q.id for q in model.quantizers.quantizers if q.kind == "activation"}
    total = dense = 0.0
    for layer, (ins, outs, taps, places) in shapes.items():
        left_in, left_out = (kept or {}).get(layer, (ins, outs))
        assert f"{layer}.weight" in bits and entering[layer] in bits, reads
        total += left_in * left_out * taps * places * bits[f"{layer}.weight"] * bits[entering[layer]]
        dense += ins * outs * taps * places * 32 * 32
    return total / dense


def test_the_cost_of_the_end_is_the_products_of_bits_and_what_is_left(small):
    qadg, model, opt = start(small, 0.5, bits="2:8")
    train(model, opt, SCHEDULE.total)
    zero = zeros(model, qadg)
    tied, inner = int((~zero[:6]).sum()), int((~zero[6:]).sum())
    assert [group.size for group in qadg.prunable] == [6, 5]
    left = {"a": (1, tied), "b": (tied, inner), "c": (inner, tied), "fc": (tied, 3)}
    limit = opt.bit_choice.budget.limit(opt.removed_units())
    assert limit.cost.of(opt.frozen_bits.numpy()) == pytest.approx(slow_bops(model, left), rel=1e-9)
    assert slow_bops(model, left) <= limit.amount * (1 + 1e-9)


def test_the_chosen_widths_are_the_best_there_are(small):
    """Against all widths that the bounds allow, at the shapes that the run is to end with."""
    _, model, opt = start(small, 0.5, bits="3:5", bops=0.0045)
    while opt.frozen_bits is None:
        train(model, opt, 1)
    losses, budget = opt.bit_choice.sensitivity.losses, opt.bit_choice.budget
    limit = opt.planned_limit()
    spread = [range(low, high + 1) for low, high in zip(budget.lower, budget.upper)]
    table = np.array(list(product(*spread)))
    within = [bits for bits in table if fits(limit.cost.of(bits), limit.amount)]
    loss = lambda bits: sum(one[b - low] for one, b, low in zip(losses, bits, budget.lower))  # noqa: E731
    assert 0 < len(within) < len(table)
    assert loss(opt.frozen_bits.numpy().astype(int)) <= min(map(loss, within)) * (1 + 2e-3)


def test_clips_and_steps_are_those_of_the_chosen_widths(small):
    _, model, opt = start(small, 0.5, bits="2:8")
    while opt.frozen_bits is None:
        train(model, opt, 1)
    measured, bank = opt.bit_choice.sensitivity, model.quantizers
    for i, (bits, low) in enumerate(zip(opt.frozen_bits.tolist(), bank.lower.tolist())):
        assert bank.q_m[i].item() == pytest.approx(measured.clips[i][int(bits - low)], rel=1e-6)
    np.testing.assert_allclose(bit_widths(model), opt.frozen_bits.numpy(), atol=1e-5)
    assert not opt.state[bank.d] and not opt.state[bank.q_m]


budgets = st.one_of(st.none(), st.floats(0.0, 1.3))


cases = st.tuples(
    st.booleans(),
    st.floats(0, 0.8),
    st.integers(2, 6),
    st.integers(0, 10),
    budgets,
    st.sampled_from(["proportional", "global", "chosen"]),
    st.booleans(),
    st.booleans(),
)


def check_budget(small, crossed, case):
    """`share` of the way from the cost at the lower to that at the upper bounds, at the shapes that are planned."""
    first, sparsity, low, more, share, allocation, in_bytes, unsigned = case
    program = small if first else crossed
    bits = f"{low}:{min(16, low + more)}"
    _, _, opt = start(program, sparsity, bits=bits, unsigned=unsigned)
    costs, shares, budget = opt.costs, opt._removed_shares(opt.planned), opt.bit_choice.budget
    cost = costs.bytes(shares) if in_bytes else costs.relative_bops(shares)
    amounts = {}
    if share is not None:
        amount = cost.of(budget.lower) * (1 - share) + cost.of(budget.upper) * share
        amounts = {"bytes": int(amount) + 1} if in_bytes else {"bops": min(1.0, amount * (1 + 1e-6))}
    qadg, model, opt = start(program, sparsity, bits=bits, allocation=allocation, unsigned=unsigned, **amounts)
    train(model, opt, SCHEDULE.total)
    opt.assert_constraints()
    assert zeros(model, qadg).sum() == opt.k_target
    limit = opt.bit_choice.budget.limit(opt.removed_units())
    assert limit.cost.of(bit_widths(model).round()) <= limit.amount * (1 + 1e-6)


@settings(max_examples=12, deadline=None)
@given(cases)
def test_runs_keep_their_budget(small, crossed, case):
    check_budget(small, crossed, case)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(cases)
def test_runs_keep_their_budget_many_times(small, crossed, case):
    check_budget(small, crossed, case)


def test_a_budget_below_the_lower_bounds_is_refused_with_the_smallest_cost(small):
    with pytest.raises(InputError, match=r"a budget of 0.0001 relative BOPs was given.*alone need 0.0"):
        start(small, 0.5, bits="4:8", bops=0.0001)
    with pytest.raises(InputError, match=r"a budget of 10 bytes was given.*alone need"):
        start(small, 0.5, bits="4:8", bytes=10)


def test_with_room_for_all_every_width_is_the_largest(small):
    _, model, opt = start(small, 0.0, bits="2:8", bops=1.0)
    train(model, opt, SCHEDULE.total)
    assert (bit_widths(model).round() == 8).all()


def test_without_pruning_bits_are_chosen_all_the_same(small):
    schedule = Schedule(warmup=1, projection=2, projection_periods=1, joint=0, joint_periods=0, cooldown=2)
    _, model, opt = start(small, 0.0, schedule, bits="2:8")
    train(model, opt, schedule.total)
    opt.assert_constraints()
    assert len(set(bit_widths(model).round())) > 1


def test_a_run_that_ends_with_the_projection_has_its_bits(small):
    schedule = Schedule(warmup=1, projection=2, projection_periods=1, joint=0, joint_periods=0, cooldown=0)
    _, model, opt = start(small, 0.0, schedule, bits="2:8")
    train(model, opt, schedule.total)
    opt.assert_constraints()


def test_a_step_without_the_bits_that_are_due_is_refused(small):
    _, model, opt = start(small, 0.5)
    with pytest.raises(RuntimeError, match="choose_bits"):
        for _ in range(SCHEDULE.total):
            opt.step()
    assert opt.needs_bits and opt.steps == SCHEDULE.warmup + SCHEDULE.projection
    choose_bits_where_due(model, opt)
    opt.step()


def test_a_cost_above_the_budget_fails_the_check(small):
    _, model, opt = start(small, 0.5, bits="2:8")
    train(model, opt, SCHEDULE.total)
    opt.bit_choice.bits = opt.bank.upper.clone()
    with torch.no_grad():
        opt.bit_choice.set_steps(opt.bank)
    with pytest.raises(CheckFailed, match="above the budget of"):
        opt.assert_constraints()


def test_bounds_that_leave_no_choice_are_what_is_chosen(small):
    _, model, opt = start(small, 0.5, bits="16:16")
    train(model, opt, SCHEDULE.total)
    opt.assert_constraints()
    assert (bit_widths(model).round() == 16).all()


def test_weights_alone_end_at_their_lower_bounds_unless_there_is_a_budget(small):
    """The cost of all weights at their lower bounds is the budget, and nothing is cheaper."""
    qadg = ge.analyze(small)
    for budget, expected in (({}, 1), ({"bops": 0.05}, 2)):
        _, model, opt = start(small, 0.5, bits="2:8", activations=False, **budget)
        train(model, opt, SCHEDULE.total)
        assert len(set(bit_widths(model).round())) >= expected and len(qadg.quantizers) == len(opt.frozen_bits)
