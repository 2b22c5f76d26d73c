"""The five scores against a loop, alone and together, and the choice of the lowest."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from geta_engine.qasso.saliency import SaliencyWeights, lowest_units, saliency
from tests.engine.qasso.small import SCHEDULE, start, train, units_of

SCORES = [f.name for f in fields(SaliencyWeights)]


@pytest.fixture(scope="module", params=["small", "crossed"])
def trained(request):
    qadg, model, opt = start(request.getfixturevalue(request.param))
    train(model, opt, 2)
    return qadg, model, opt.slices


def slow_scores(qadg, model, candidates) -> np.ndarray:
    """docs/method.md, section 4, unit by unit: [units, 5], each column divided by its norm over the candidates."""
    parameters, rows = model.model_parameters(), []
    for masks in units_of(qadg, parameters):
        x, g = (
            np.concatenate([v.detach().double().numpy()[m] for v, m in values])
            for values in (
                [(parameters[name], m) for name, m in masks.items()],
                [(parameters[name].grad, m) for name, m in masks.items()],
            )
        )
        dot, size = sum(a * b for a, b in zip(x, g)), float(np.sqrt(sum(a * a for a in x)))
        both = size * float(np.sqrt(sum(b * b for b in g)))
        cosine = dot / both if both else 0.0
        rows.append((size, size / len(x), 1 + cosine, abs(dot), dot**2 / 2))
    table = np.array(rows)
    return table / np.sqrt((table[candidates] ** 2).sum(0))


def scored(trained, weights, candidates):
    _, model, slices = trained
    parameters = list(model.model_parameters().values())
    return saliency(slices, parameters, [p.grad for p in parameters], torch.from_numpy(candidates), weights).numpy()


@pytest.mark.parametrize("missing", [[], [0, 4, 7]])
@pytest.mark.parametrize("number", range(5))
def test_each_score_alone_is_the_loop(trained, number, missing):
    candidates = np.ones(trained[0].prunable_units, bool)
    candidates[missing] = False
    weights = SaliencyWeights(*(float(i == number) for i in range(5)))
    slow = slow_scores(*trained[:2], candidates)[:, number] / 5
    fast = scored(trained, weights, candidates)
    np.testing.assert_allclose(fast[candidates], slow[candidates], rtol=2e-4, atol=1e-7)
    assert np.isposinf(fast[~candidates]).all()


def test_together_they_are_the_weighted_mean(trained):
    everyone, weights = np.ones(trained[0].prunable_units, bool), (0.5, 2.0, 1.0, 0.0, 3.0)
    slow = slow_scores(*trained[:2], everyone) @ np.array(weights) / 5
    np.testing.assert_allclose(scored(trained, SaliencyWeights(*weights), everyone), slow, rtol=2e-4, atol=1e-7)


def test_no_gradient_and_no_value_give_finite_scores(small):
    """A dead unit and gradients that are all zero: nothing is divided by zero."""
    _, model, opt = start(small)
    parameters = [p.detach().clone() for p in model.model_parameters().values()]
    for p in parameters:
        p.zero_()
    zero = [torch.zeros_like(p) for p in parameters]
    score = saliency(opt.slices, parameters, zero, torch.ones(11, dtype=torch.bool), SaliencyWeights())
    assert bool(score.isfinite().all()) and len(set(score.tolist())) == 1


def test_choose_takes_the_lowest_and_leaves_one_a_group(small):
    _, _, opt = start(small)
    slices, score = opt.slices, torch.arange(11.0)
    none = torch.zeros(11, dtype=torch.bool)

    def chosen(scores, taken, count, most=(5, 4)):
        return lowest_units(scores, slices, taken, count, most).nonzero().flatten().tolist()

    assert slices.sizes == [6, 5]
    assert chosen(score, none, 4) == [0, 1, 2, 3]
    assert chosen(score.flip(0), none, 4) == [7, 8, 9, 10]
    assert chosen(score, none, 7) == [0, 1, 2, 3, 4, 6, 7]
    assert chosen(score, none, 4, (2, 2)) == [0, 1, 6, 7]
    assert chosen(score, none, 4, (0, 4)) == [6, 7, 8, 9]
    taken = none.clone()
    taken[[0, 1, 2, 3]] = True
    assert chosen(torch.where(taken, torch.inf, score), taken, 2) == [4, 6]


def test_ties_break_by_unit_id(small):
    _, _, opt = start(small)
    score, none = torch.zeros(11), torch.zeros(11, dtype=torch.bool)
    assert lowest_units(score, opt.slices, none, 3, (5, 4)).nonzero().flatten().tolist() == [0, 1, 2]
    score[[9, 3, 6]] = -1.0
    assert lowest_units(score, opt.slices, none, 4, (5, 4)).nonzero().flatten().tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize("name", SCORES)
def test_the_first_units_to_go_are_the_lowest_of_the_loop_and_the_same_each_time(small, name):
    weights = SaliencyWeights(**{score: float(score == name) for score in SCORES})
    actual = []
    for _ in range(2):
        qadg, model, opt = start(small, 6 / 11, allocation="global", saliency=weights)
        train(model, opt, SCHEDULE.warmup + SCHEDULE.projection)
        before = {n: p.detach().clone() for n, p in model.model_parameters().items()}
        train(model, opt, 1)
        actual.append(opt.unit_state.tolist())
    for n, p in model.model_parameters().items():
        p.data.copy_(before[n])
    slow = slow_scores(qadg, model, np.ones(11, bool))[:, SCORES.index(name)]
    assert actual[0] == actual[1]
    assert np.flatnonzero(np.array(actual[0]) == 1).tolist() == sorted(np.argsort(slow, kind="stable")[:2].tolist())
