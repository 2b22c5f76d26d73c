"""The base methods and the optimizer without its constraints against torch.optim."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import geta_engine as ge
from geta_engine.errors import InputError
from geta_engine.qasso.base import BaseOptimizer
from tests.engine.qasso.small import SCHEDULE, batch, choose_bits_where_due, gradients

SGD = [
    {"momentum": momentum, "nesterov": nesterov, "dampening": dampening, "weight_decay": decay}
    for momentum, nesterov, dampening in [(0, False, 0), (0.9, False, 0), (0.9, False, 0.4), (0.8, True, 0)]
    for decay in (0.0, 0.05)
]
ADAM = [
    {"betas": betas, "eps": eps, "weight_decay": decay}
    for betas, eps in [((0.9, 0.999), 1e-8), ((0.5, 0.8), 1e-3), ((0.0, 0.9), 1e-8)]
    for decay in (0.0, 0.05)
]
METHODS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
CASES = [("sgd", s) for s in SGD] + [(method, s) for method in ("adam", "adamw") for s in ADAM]


@pytest.mark.parametrize(("method", "settings"), CASES)
def test_twenty_steps_are_those_of_torch(method, settings):
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3, 2), (5,), (), (2, 6)]
    ours = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    theirs = [nn.Parameter(x.clone()) for x in ours]
    optimizer = METHODS[method](theirs, lr=0.07, **settings)
    base, states = BaseOptimizer(method, **settings), [{} for _ in ours]
    for _ in range(20):
        grads = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
        for parameter, g in zip(theirs, grads):
            parameter.grad = g.clone()
        kept = [g.clone() for g in grads]
        direction = base.direction(ours, grads, states)
        assert all(torch.equal(g, k) for g, k in zip(grads, kept)), "gradients are the caller's"
        ours = [x - 0.07 * g for x, g in zip(ours, direction)]
        optimizer.step()
        for x, parameter in zip(ours, theirs):
            torch.testing.assert_close(x, parameter.detach(), rtol=1e-12, atol=1e-13)
    assert {name for name, value in states[0].items() if isinstance(value, torch.Tensor)} == set(base.slots())


def in_float64(program, base=None):
    qadg = ge.analyze(program, weights=False)
    model = ge.prepare(program, qadg).double()
    config = ge.QASSOConfig(sparsity=0.0, schedule=SCHEDULE, base=base or BaseOptimizer())
    return model, ge.QASSO(model, qadg, config, lr=0.03)


@pytest.mark.parametrize(("method", "settings"), [CASES[i] for i in (0, 5, 7, 9, 15)])
def test_without_sparsity_and_quantizers_every_step_is_that_of_torch(small, method, settings):
    """The bias ahead of a norm has a gradient of rounding errors, which Adam's division makes 1e-9."""
    ours, opt = in_float64(small, BaseOptimizer(method, **settings))
    theirs, _ = in_float64(small)
    parameters = list(theirs.model_parameters().values())
    optimizer = METHODS[method](parameters, lr=0.03, **settings)
    for step in range(SCHEDULE.total):
        x, y = batch(small, step)
        for model, stepper in ((ours, opt), (theirs, optimizer)):
            stepper.zero_grad()
            nn.functional.cross_entropy(model.train()(x.double()), y).backward()
            stepper.step()
        for (name, mine), reference in zip(ours.model_parameters().items(), parameters):
            torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-8, msg=f"{name} at step {step}")
    opt.assert_constraints()


@pytest.mark.parametrize(("method", "settings"), [CASES[i] for i in (1, 3, 7, 8, 15)])
def test_a_parameter_moves_only_on_steps_that_give_it_a_gradient(small, method, settings):
    """Like an expert that is not asked each time: first at step 4, then at every third. Its slots rest as well."""
    ours, opt = in_float64(small, BaseOptimizer(method, **settings))
    theirs, _ = in_float64(small)
    parameters = theirs.model_parameters()
    optimizer = METHODS[method](parameters.values(), lr=0.03, **settings)
    for step in range(SCHEDULE.total):
        x, y = batch(small, step)
        for model, stepper in ((ours, opt), (theirs, optimizer)):
            stepper.zero_grad()
            nn.functional.cross_entropy(model.train()(x.double()), y).backward()
            if step < 4 or step % 3:
                for name in ("b.weight", "bn.bias"):
                    model.model_parameters()[name].grad = None
            stepper.step()
        for name, mine in ours.model_parameters().items():
            torch.testing.assert_close(mine, parameters[name], rtol=1e-9, atol=1e-8, msg=f"{name} at step {step}")


def test_a_closure_is_called_once_with_gradients_on_and_its_loss_handed_back(small):
    model, opt = in_float64(small)
    counterpart, other = in_float64(small)
    losses = []

    def closure():
        x, y = batch(small, 0)
        loss = nn.functional.cross_entropy(model.train()(x.double()), y)
        loss.backward()
        losses.append(float(loss.detach()))
        return losses[-1]

    assert [opt.step(closure)] == losses
    x, y = batch(small, 0)
    nn.functional.cross_entropy(counterpart.train()(x.double()), y).backward()
    other.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), counterpart.parameters()))


def test_a_network_without_prunable_units_trains_to_the_end():
    torch.manual_seed(0)
    program = ge.trace(nn.Linear(4, 3), (torch.randn(2, 4),))
    qadg = ge.analyze(program, activations=True)
    assert qadg.prunable_units == 0
    model = ge.prepare(program, qadg)
    before = model.program.get_parameter("weight").clone()
    opt = ge.QASSO(model, qadg, ge.QASSOConfig(sparsity=0.5, schedule=SCHEDULE), lr=0.05)
    for _ in range(SCHEDULE.total):
        gradients(model, opt)
        choose_bits_where_due(model, opt)
        opt.step()
    opt.assert_constraints()
    assert not torch.equal(before, model.program.get_parameter("weight"))


@pytest.mark.parametrize("eps", [0.0, -1e-8, float("nan")])
def test_adam_needs_a_positive_eps(eps):
    with pytest.raises(InputError, match=r"eps is .*: give 1e-8"):
        BaseOptimizer("adam", eps=eps)
    BaseOptimizer("sgd", eps=eps)
