"""The constraints over random configurations: exactly K zero units, whole bits within each layer's own bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import geta_engine as ge
from geta_engine.compact.cut import bake_quantizers, remove_units_in_place, zero_units
from geta_engine.compact.verify import certify
from geta_engine.config import Bounds, Schedule
from geta_engine.errors import InputError
from geta_engine.qasso.base import BaseOptimizer
from geta_engine.qasso.saliency import SaliencyWeights
from tests.engine.qasso.small import SCHEDULE, bit_widths, start, train, zeros

decays = st.sampled_from([0.0, 1e-2])
momenta = st.sampled_from([0.5, 0.9])
bases = st.one_of(
    st.builds(BaseOptimizer, st.just("sgd"), momentum=st.just(0.0), weight_decay=decays),
    st.builds(
        BaseOptimizer, st.just("sgd"), momentum=momenta, dampening=st.sampled_from([0.0, 0.3]), weight_decay=decays
    ),
    st.builds(BaseOptimizer, st.just("sgd"), momentum=momenta, nesterov=st.just(True), weight_decay=decays),
    st.builds(
        BaseOptimizer,
        st.sampled_from(["adam", "adamw"]),
        betas=st.sampled_from([(0.9, 0.999), (0.5, 0.9)]),
        weight_decay=decays,
    ),
)
bounds = st.tuples(st.integers(2, 16), st.integers(2, 16)).map(lambda b: Bounds(lower=min(b), upper=max(b)))


@st.composite
def schedules(draw):
    """Every stage but the joint one may be left out."""
    projection, joint = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    return Schedule(
        pretrain=draw(st.integers(0, 2)),
        warmup=draw(st.integers(0, 2)),
        projection=projection * draw(st.integers(1, 2)),
        projection_periods=projection,
        joint=joint * draw(st.integers(1, 3)),
        joint_periods=joint,
        cooldown=draw(st.integers(0, 3)),
    )


configurations = st.fixed_dictionaries(
    {
        "sparsity": st.one_of(st.floats(0, 0.8181), st.just(0.0)),
        "schedule": schedules(),
        "base": bases,
        "bits": bounds.map(lambda b: f"{b.lower}:{b.upper}"),
        "layer_bits": st.dictionaries(st.integers(0, 7), bounds),
        "allocation": st.sampled_from(["proportional", "global", "chosen"]),
        "learn_t": st.booleans(),
        "rule": st.sampled_from(["chosen", "paper"]),
        "lr": st.sampled_from([0.003, 0.02, 0.1]),
        "lr_quant": st.sampled_from([1e-3, 3e-2]),
    }
)
loops = st.fixed_dictionaries({"accumulate": st.integers(1, 3), "clip": st.sampled_from([None, 0.5])})


def upper_bounds(schedule: Schedule, step: int, high: np.ndarray) -> np.ndarray:
    """16 until the projection, an equal part of the way down in each of its periods, the user's own from then on."""
    done = step - schedule.pretrain - schedule.warmup
    if done < 0:
        return np.full(high.shape, 16.0)
    if done >= schedule.projection:
        return high
    period = done * schedule.projection_periods // schedule.projection
    return 16 - (16 - high) * (period + 1) / schedule.projection_periods


def check_constraints(program, configuration, loop):
    """`layer_bits` come by the number of the quantizer."""
    ids = [q.id for q in ge.analyze(program, activations=True).quantizers]
    layer_bits = {ids[number]: limits for number, limits in configuration["layer_bits"].items()}
    qadg, model, opt = start(program, **{**configuration, "layer_bits": layer_bits})
    usual, schedule = Bounds.parse(configuration["bits"]), configuration["schedule"]
    limits = [layer_bits.get(q.id, usual) for q in qadg.quantizers]
    low, high = np.array([b.lower for b in limits]), np.array([b.upper for b in limits])
    zero, first = np.zeros(qadg.prunable_units, bool), [p.detach().clone() for p in model.quantizers.parameters()]
    for step in range(schedule.total):
        train(model, opt, 1, **loop)
        now = zeros(model, qadg)
        assert not (zero & ~now).any(), f"a zero unit came back at step {step}"
        zero, bits = now, bit_widths(model)
        assert all(bool(v.isfinite().all()) for v in model.state_dict().values()), f"not finite at step {step}"
        assert (bits >= low - 1e-3).all() or step < schedule.pretrain, f"below the lower bound at step {step}"
        assert (bits <= upper_bounds(schedule, step, high) + 1e-3).all(), f"above the upper bound at step {step}"
        assert configuration["learn_t"] or bool((model.quantizers.t == 1).all())
        early = step < schedule.pretrain and opt.frozen_bits is None
        assert not early or all(map(torch.equal, first, model.quantizers.parameters()))
    k = math.floor(configuration["sparsity"] * qadg.prunable_units + 1e-9)
    assert zero.sum() == opt.k_target == k
    np.testing.assert_allclose(bits, bits.round(), atol=1e-5)
    assert (bits.round() >= low).all() and (bits.round() <= high).all()
    assert opt.frozen_bits.tolist() == bits.round().tolist()
    opt.assert_constraints()
    cut = remove_units_in_place(bake_quantizers(model), qadg, zero_units(model, qadg))
    certificate = certify(bake_quantizers(model), cut, model.origin, qadg, k, torch.float64)
    assert certificate.ok, certificate
    producers = [next(m for m in group.members if m.role == "producer") for group in qadg.prunable]
    assert sum(cut.get_parameter(m.parameter).shape[m.dim] for m in producers) == qadg.prunable_units - k


@settings(max_examples=15, deadline=None)
@given(st.booleans(), configurations, loops)
def test_the_constraints(small, crossed, first, configuration, loop):
    check_constraints(small if first else crossed, configuration, loop)


@pytest.mark.slow
@settings(max_examples=800, deadline=None)
@given(st.booleans(), configurations, loops)
def test_the_constraints_many_times(small, crossed, first, configuration, loop):
    check_constraints(small if first else crossed, configuration, loop)


@pytest.mark.parametrize("learn_t", [False, True])
def test_the_bits_that_stay_are_the_nearest_whole_ones(program, learn_t):
    """A run whose joint stage goes on longer has them unrounded after the same steps (nothing is pruned here)."""
    actual = []
    for joint in (6, 8):
        schedule = Schedule(
            warmup=2, projection=2, projection_periods=1, joint=joint, joint_periods=1, cooldown=8 - joint
        )
        _, model, opt = start(program, 0.0, schedule, lr_quant=0.3, bits="2:12", learn_t=learn_t, rule="paper")
        train(model, opt, 10)
        actual.append(bit_widths(model))
    rounded, free = actual
    np.testing.assert_allclose(rounded, free.round(), atol=1e-5)
    assert (np.abs(free - free.round()) > 0.05).sum() >= 2 and (free % 1 > 0.5).any()


@pytest.mark.parametrize("allocation", ["proportional", "global", "chosen"])
def test_the_largest_k_leaves_one_unit_a_group(program, allocation):
    actual = ge.analyze(program)
    sparsity = actual.max_zero_units / actual.prunable_units
    qadg, model, opt = start(program, sparsity, allocation=allocation)
    train(model, opt, SCHEDULE.total)
    opt.assert_constraints()
    assert zeros(model, qadg).sum() == qadg.max_zero_units


def test_unreachable_sparsity_names_the_largest_k(small):
    with pytest.raises(InputError, match="largest K is 9 of 11"):
        start(small, 0.95)


def test_a_schedule_that_can_zero_nothing_is_refused(small):
    schedule = Schedule(warmup=1, projection=0, projection_periods=0, joint=0, joint_periods=0, cooldown=1)
    with pytest.raises(InputError, match="joint"):
        start(small, 0.5, schedule)


@pytest.mark.parametrize("weights", [SaliencyWeights(), SaliencyWeights(0, 0, 1, 0, 0)])
@pytest.mark.parametrize("allocation", ["proportional", "global", "chosen"])
def test_a_unit_that_is_zero_from_the_start_is_one_of_the_k(small, weights, allocation):
    """Of a network that was pruned before: no gradient reaches it, so that it stays zero."""
    qadg, model, opt = start(small, 0.5, allocation=allocation, saliency=weights)
    with torch.no_grad():
        for name in ("b.weight", "b.bias"):
            model.model_parameters()[name][3] = 0
    assert zeros(model, qadg).tolist() == [False] * 9 + [True, False]
    train(model, opt, SCHEDULE.total)
    assert zeros(model, qadg).sum() == opt.k_target == 5
    opt.assert_constraints()


def test_units_that_are_zero_before_the_start_count_and_stay(small):
    qadg = ge.analyze(small, activations=True)
    for sparsity, dead in ((0.5, 2), (0.2, 2)):
        model = ge.prepare(small, qadg)
        with torch.no_grad():
            for name in ("b.weight", "b.bias"):
                model.model_parameters()[name][:dead] = 0
        opt = ge.QASSO(model, qadg, ge.QASSOConfig(sparsity, SCHEDULE), lr=0.02)
        before = zeros(model, qadg)
        assert before.sum() == dead and int((opt.unit_state == 2).sum()) == dead
        train(model.train(), opt, SCHEDULE.total)
        after = zeros(model, qadg)
        assert after.sum() == opt.k_target and after[before].all()
        opt.assert_constraints()


@pytest.mark.parametrize(("dead", "said"), [(2, "and 2 are zero already: give 2"), (5, "all of a group among them")])
def test_more_zero_units_than_k_are_refused_at_the_start(small, dead, said):
    qadg = ge.analyze(small)
    model = ge.prepare(small, qadg)
    with torch.no_grad():
        for name in ("b.weight", "b.bias"):
            model.model_parameters()[name][:dead] = 0
    with pytest.raises(InputError, match=said):
        ge.QASSO(model, qadg, ge.QASSOConfig(0.1, SCHEDULE))


def test_with_the_bits_fixed_the_clip_moves_by_the_gradient_of_the_step(small):
    """d = q_m / (2^(b-1) - 1) in the cool-down, so that a slope in d alone is one in q_m."""
    _, model, opt = start(small, 0.3)
    train(model, opt, SCHEDULE.total - 1)
    assert opt.frozen_bits is not None
    opt.zero_grad()
    for state in (opt.state[p] for p in opt.param_groups[1]["params"]):
        state.clear()
    before = opt.bank.q_m.detach().clone()
    opt.bank.d.grad, opt.bank.q_m.grad = torch.ones_like(before), torch.zeros_like(before)
    opt.step()
    assert (opt.bank.q_m < before).all()
    torch.testing.assert_close(opt.bank.bits(), opt.frozen_bits)
