"""The program that chooses bits, against trying all of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.errors import InputError
from geta_engine.qasso.bit_program import GAP, BitCost, choose_bits, fits


@st.composite
def programs(draw, most=4):
    """A few quantizers, shared, tied and fixed ones among them, beside layers with a side that is float."""
    count = draw(st.integers(1, most))
    lower = np.array([draw(st.integers(2, 16)) for _ in range(count)])
    upper = np.array([min(16, int(low) + draw(st.integers(0, 4))) for low in lower])
    terms = draw(st.integers(1, 6))
    places = st.integers(0, count)
    left, right = (np.array([draw(places) for _ in range(terms)]) for _ in range(2))
    weights = np.array([draw(st.integers(0, 1000)) for _ in range(terms)], float)
    losses = []
    for low, high in zip(lower, upper):
        falls = [draw(st.floats(0, 1, allow_subnormal=False)) for _ in range(high - low + 1)]
        losses.append(np.cumsum(falls[::-1])[::-1].copy())
    cost = BitCost(left, right, weights, count)
    low, high = cost.of(lower), cost.of(upper)
    budget = low + (high - low) * draw(st.floats(-0.5, 1.2))
    return losses, lower, upper, cost, budget


def slow_cost(cost, bits):
    widths = [*map(int, bits), 32]
    return sum(w * widths[i] * widths[j] for i, j, w in zip(cost.left, cost.right, cost.weights))


def slow_best(losses, lower, upper, cost, budget):
    """The least loss within the budget, by trying all widths; None where there are none."""
    least = None
    for bits in product(*(range(low, high + 1) for low, high in zip(lower, upper))):
        if slow_cost(cost, bits) <= budget * (1 + 1e-9):
            loss = sum(one[b - low] for one, b, low in zip(losses, bits, lower))
            least = loss if least is None else min(least, loss)
    return least


@settings(max_examples=150, deadline=None)
@given(programs())
def test_the_choice_is_the_best_there_is(case):
    losses, lower, upper, cost, budget = case
    best = slow_best(*case)
    if best is None:
        with pytest.raises(InputError, match="the lower bounds of the bits alone need"):
            choose_bits(*case)
        return
    bits = choose_bits(*case)
    assert np.all((lower <= bits) & (bits <= upper))
    assert slow_cost(cost, bits) <= budget * (1 + 1e-9)
    loss = sum(one[b - low] for one, b, low in zip(losses, bits, lower))
    assert loss <= best * (1 + GAP) + 1e-5 * max(float(one[0]) for one in losses)
    assert np.array_equal(bits, choose_bits(*case))


@settings(max_examples=150, deadline=None)
@given(programs())
def test_no_width_can_be_raised_any_more(case):
    _, lower, upper, cost, budget = case
    if not fits(cost.of(lower), budget):
        return
    bits = choose_bits(*case)
    assert cost.of(bits) == pytest.approx(slow_cost(cost, bits))
    for i in range(len(bits)):
        more = bits.copy()
        more[i] += 1
        assert cost.of_one_more(bits)[i] == pytest.approx(slow_cost(cost, more) - slow_cost(cost, bits))
        assert bits[i] == upper[i] or slow_cost(cost, more) > budget * (1 - 1e-9)


def test_a_budget_that_the_upper_bounds_keep_leaves_them():
    cost = BitCost(np.array([0]), np.array([1]), np.array([1.0]), 2)
    bits = choose_bits([np.zeros(7), np.zeros(7)], np.array([2, 2]), np.array([8, 8]), cost, 64.0)
    assert bits.tolist() == [8, 8]
