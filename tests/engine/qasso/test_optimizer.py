"""The promise, over random schedules, bounds, sparsities and base methods; resume; saliency against a loop."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import geta_engine as ge
from geta_engine.config import Bounds, Schedule
from geta_engine.errors import InputError
from geta_engine.qasso.base import Base
from geta_engine.qasso.saliency import SaliencyWeights, choose, quota, saliency
from geta_engine.qasso.slices import UnitSlices
from geta_engine.quant import calibrate
from tests.models import images, traced


class Small(nn.Module):
    """Two tied convolutions with norms, one inner, and a linear layer: 6 + 5 prunable units."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.b, self.c = nn.Conv2d(6, 5, 1), nn.Conv2d(5, 6, 1)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.bn(self.a(x)))
        return self.fc((x + self.c(torch.relu(self.b(x)))).mean((2, 3)))


@pytest.fixture(scope="module")
def small() -> ge.TracedModel:
    torch.manual_seed(0)
    return traced(Small(), images(1, 4))


SCHEDULE = Schedule(warmup=2, projection=4, projection_periods=2, joint=6, joint_periods=3, cooldown=3)


def start(small, sparsity=0.5, schedule=SCHEDULE, base=Base(), bits=Bounds(), layer_bits=None, lr=0.05):  # noqa: B008
    qadg = ge.analyze(small, activations=True)
    model = ge.prepare(small, qadg, bits, layer_bits or {})
    calibrate(model, [(images(1, 4, 8),)])
    opt = ge.QASSO(model, qadg, ge.QASSOConfig(sparsity, schedule, base, lr_quant=1e-3), lr=lr)
    return qadg, model.train(), opt


def train(model, opt, steps: int) -> None:
    for _ in range(steps):
        generator = torch.Generator().manual_seed(opt.steps)
        x = torch.randn(8, 1, 4, 4, generator=generator)
        y = torch.randint(0, 3, (8,), generator=generator)
        opt.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        opt.step()


@settings(max_examples=25, deadline=None)
@given(
    sparsity=st.floats(0, 0.81),
    method=st.sampled_from(["sgd", "adam", "adamw"]),
    decay=st.sampled_from([0.0, 1e-2]),
    warmup=st.integers(0, 2),
    projection=st.integers(1, 3),
    joint=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    cooldown=st.integers(0, 3),
    bounds=st.tuples(st.integers(2, 8), st.integers(0, 8)),
)
def test_exactly_k_zero_and_integer_bits(small, sparsity, method, decay, warmup, projection, joint, cooldown, bounds):
    schedule = Schedule(
        warmup=warmup, projection=2 * projection, projection_periods=projection,
        joint=joint[0] * joint[1], joint_periods=joint[0], cooldown=cooldown,
    )  # fmt: skip
    own = {"a.weight": Bounds(lower=3, upper=3)}
    bits = Bounds(lower=bounds[0], upper=bounds[0] + bounds[1])
    qadg, model, opt = start(small, sparsity, schedule, Base(method, weight_decay=decay), bits, own, lr=0.02)
    for _ in range(schedule.total):
        zero = opt.unit_state == 2
        train(model, opt, 1)
        assert (opt.unit_norms()[zero] == 0).all(), "a zero unit must stay zero to the last step"
    opt.check()
    target = math.floor(sparsity * qadg.prunable_units + 1e-9)
    assert int((opt.unit_norms() == 0).sum()) == target
    found = opt.frozen_bits.tolist()
    for quantizer, width in zip(qadg.quantizers, found):
        low, high = (3, 3) if quantizer.id == "a.weight" else (bits.lower, bits.upper)
        assert width == int(width) and low <= width <= high
    compact = ge.compact(model, qadg)
    assert sum(p.numel() for p in compact.graph_module().parameters()) <= 164
    x = images(1, 4, 8)
    with torch.no_grad():
        torch.testing.assert_close(compact(x), model.eval()(x), rtol=1e-3, atol=1e-3)


def test_descent_at_every_joint_step_where_both_cosines_are_negative(small):
    schedule = Schedule(warmup=2, projection=2, projection_periods=1, joint=30, joint_periods=3, cooldown=0)
    _, model, opt = start(small, 0.7, schedule, Base("sgd", momentum=0.0), lr=0.2)
    met = 0
    for _ in range(schedule.total):
        lr = opt.param_groups[0]["lr"]
        train(model, opt, 1)
        if opt.rule is None:
            continue
        _, sums, rule = opt.rule
        product = -lr * sums.gg - rule.gamma * (sums.g_dot_c + rule.d * sums.g_dot_r)
        both = (rule.cos_g < 0) & (rule.cos_d < 0)
        met += int(both.sum())
        assert (product[both] <= -0.999 * 0.1 * lr * sums.gg[both] * (1 - 1e-4)).all()
    assert met > 5


def test_unreachable_sparsity_names_the_largest_k(small):
    with pytest.raises(InputError, match="largest K is 9 of 11"):
        start(small, 0.95)


@pytest.mark.parametrize("stop", [1, 4, 7, 8, 11, 13])
def test_resume_is_bit_identical(small, stop):
    _, straight, opt = start(small, base=Base("adam"))
    train(straight, opt, SCHEDULE.total)
    _, first, opt_first = start(small, base=Base("adam"))
    train(first, opt_first, stop)
    saved = copy.deepcopy((first.state_dict(), opt_first.state_dict()))
    _, second, opt_second = start(small, base=Base("adam"))
    second.load_state_dict(saved[0])
    opt_second.load_state_dict(saved[1])
    train(second, opt_second, SCHEDULE.total - stop)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def slow_saliency(qadg, parameters, gradients):
    """METHOD, section 4, unit by unit and number by number."""
    rows = []
    for group in qadg.prunable:
        for u in range(group.size):
            x, g = [], []
            for m in group.members:
                if m.role == "producer":
                    for k in m.index[u]:
                        x.append(parameters[m.parameter].select(m.dim, int(k)).reshape(-1).double())
                        g.append(gradients[m.parameter].select(m.dim, int(k)).reshape(-1).double())
            x, g = torch.cat(x), torch.cat(g)
            dot = float(x @ g)
            size, cosine = float(x.norm()), dot / max(float(x.norm() * g.norm()), 1e-12)
            rows.append((size, size / len(x), 1 + cosine, abs(dot), dot**2 / 2))
    table = torch.tensor(rows, dtype=torch.float64)
    return (table / table.norm(dim=0)).mean(1)


def test_saliency_is_the_loop(small):
    qadg, model, opt = start(small)
    train(model, opt, 2)
    parameters = {n: p.detach() for n, p in model.model_parameters().items()}
    gradients = {n: p.grad for n, p in model.model_parameters().items()}
    slices = UnitSlices(qadg, model.model_parameters())
    everyone = torch.ones(slices.units, dtype=torch.bool)
    fast = saliency(slices, list(parameters.values()), list(gradients.values()), everyone, SaliencyWeights())
    torch.testing.assert_close(fast.double(), slow_saliency(qadg, parameters, gradients), rtol=1e-4, atol=1e-6)


def test_choose_takes_the_lowest_and_leaves_one_a_group(small):
    _, _, opt = start(small)
    slices = opt.slices
    score = torch.arange(11.0)
    none = torch.zeros(11, dtype=torch.bool)

    def chosen(scores, taken, count, most=slices.sizes - 1):
        return choose(scores, slices, taken, count, most).nonzero().flatten().tolist()

    assert slices.sizes.tolist() == [6, 5]
    assert chosen(score, none, 4) == [0, 1, 2, 3]
    assert chosen(score, none, 7) == [0, 1, 2, 3, 4, 6, 7]
    assert chosen(score, none, 4, torch.tensor([2, 2])) == [0, 1, 6, 7]
    taken = none.clone()
    taken[[0, 1, 2, 3]] = True
    assert chosen(torch.where(taken, torch.inf, score), taken, 2) == [4, 6]
    assert chosen(torch.zeros(11), none, 3) == [0, 1, 2]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=12), st.floats(0, 1))
def test_quota_spreads_exactly_and_leaves_one(sizes, share):
    sizes = torch.tensor(sizes)
    due = int(share * int((sizes - 1).sum()))
    given_out = quota(sizes, due, "proportional")
    assert int(given_out.sum()) == due and (given_out >= 0).all() and (given_out <= sizes - 1).all()
    exact = sizes.double() * due / sizes.sum()
    if (exact.ceil() <= sizes - 1).all():
        assert ((given_out - exact).abs() < 1).all()
    assert quota(sizes, due, "global").tolist() == (sizes - 1).tolist()
