"""Units and bits that are decided together, against trying everything."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.cost.bit_cost import BitCost
from geta_engine.qasso.allocation import final_counts
from geta_engine.qasso.bit_program import choose_bits, fits
from geta_engine.qasso.budget import Limit
from geta_engine.qasso.joint_program import JointProgram

LOWER, UPPER = np.array([2, 2, 2]), np.array([5, 5, 5])


def program(units, losses, weights, amount, k):
    """Three quantizers in a chain of two groups: products cost what is left of their groups, times both widths."""
    sizes = [len(losses_of_one) for losses_of_one in units]

    def limit_of(counts):
        first, second = (1 - count / size for count, size in zip(counts, sizes))
        scaled = np.array(weights) * np.array([first, first * second, second])
        return Limit(BitCost(np.array([0, 1, 2]), np.array([1, 2, 3]), scaled, 3), amount)

    return JointProgram(units, losses, LOWER, UPPER, limit_of, lambda wanted: final_counts(sizes, [0, 0], wanted, k, 1))


def loss_at(made, counts):
    """The least loss of units and bits at these counts, None where they are not affordable."""
    limit = made.limit_of(counts)
    if not fits(limit.cost.of(LOWER), limit.amount):
        return None
    bits = choose_bits(made.losses, LOWER, UPPER, limit.cost, limit.amount)
    return made.loss_of_units(counts) + sum(loss[b - 2] for loss, b in zip(made.losses, bits))


falls = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=4, max_size=4).map(
    lambda steps: np.cumsum(steps[::-1])[::-1].copy()
)
units = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=3, max_size=6).map(np.array)


@settings(max_examples=25, deadline=None)
@given(units, units, st.tuples(falls, falls, falls), st.integers(1, 8), st.floats(0.05, 1))
def test_the_counts_are_no_worse_than_the_start_and_near_the_best(first, second, losses, k, share):
    sizes = [len(first), len(second)]
    k = min(k, sum(sizes) - 2)
    start = final_counts(sizes, [0, 0], [size * k / sum(sizes) for size in sizes], k, 1)
    free = program([first, second], losses, [1.0, 2.0, 0.1], np.inf, k).limit_of(start).cost
    made = program([first, second], losses, [1.0, 2.0, 0.1], free.of(LOWER) * (1 - share) + free.of(UPPER) * share, k)
    counts = made.counts(start)
    assert sum(counts) == k and all(0 <= n < size for n, size in zip(counts, sizes))
    assert made.counts(start) == counts
    loss, before = loss_at(made, counts), loss_at(made, start)
    assert loss is not None and before is not None and loss <= before * (1 + 2e-3) + 1e-9


def test_most_counts_are_the_best_there_are() -> None:
    """Over 20 random programs: seldom above the best of all counts, and never far where they are."""
    numbers, gaps = np.random.default_rng(0), []
    for _ in range(20):
        units = [numbers.exponential(1, numbers.integers(4, 9)) for _ in range(2)]
        losses = tuple(np.sort(numbers.exponential(1, 4) * 4.0 ** -np.arange(4))[::-1].copy() for _ in range(3))
        sizes = [len(group) for group in units]
        k = sum(sizes) // 2
        start = final_counts(sizes, [0, 0], [size * k / sum(sizes) for size in sizes], k, 1)
        free = program(units, losses, [1.0, 2.0, 0.1], np.inf, k).limit_of(start).cost
        made = program(units, losses, [1.0, 2.0, 0.1], free.of(LOWER) * 0.6 + free.of(UPPER) * 0.4, k)
        every = [loss_at(made, list(c)) for c in product(*(range(size) for size in sizes)) if sum(c) == k]
        gaps.append(loss_at(made, made.counts(start)) / min(value for value in every if value is not None))
    assert np.median(gaps) < 1.001 and np.mean(gaps) < 1.05 and max(gaps) < 1.5, gaps


def test_a_bit_is_traded_against_a_channel() -> None:
    """Units that lose nothing go from the group that costs most, until bits are cheap enough to stay high."""
    losses = tuple(np.array([8.0, 4.0, 1.0, 0.0]) for _ in range(3))
    free, dear = np.full(6, 1e-4), np.full(6, 1.0)
    made = program([free, dear], losses, [1.0, 0.01, 0.01], 20.0, 4)
    assert made.counts([2, 2]) == [4, 0]


@pytest.mark.parametrize("k", [0, 3])
def test_where_nothing_is_to_be_gained_the_start_stays(k: int) -> None:
    losses = tuple(np.zeros(4) for _ in range(3))
    same = np.full(4, 0.5)
    made = program([same, same], losses, [1.0, 1.0, 1.0], 1e6, k)
    start = final_counts([4, 4], [0, 0], [k / 2, k / 2], k, 1)
    assert made.counts(start) == start
