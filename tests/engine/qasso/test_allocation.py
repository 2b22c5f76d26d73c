"""How many units each group loses, against brute force over all counts of small groups."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.errors import InputError
from geta_engine.qasso.allocation import counts_now, final_counts, require_reachable

sizes_lists = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def allowed(size: int, divisible: int) -> set[int]:
    """A group stays whole, or keeps a positive multiple of the divisor."""
    return {n for n in range(size) if n == 0 or (size - n) % divisible == 0}


def reachable(sizes: list[int], divisible: int) -> set[int]:
    sums = {0}
    for size in sizes:
        sums = {a + b for a in sums for b in allowed(size, divisible)}
    return sums


@settings(max_examples=80, deadline=None)
@given(sizes_lists, st.integers(1, 6))
def test_what_is_refused_is_what_no_counts_add_up_to(sizes, divisible):
    possible, total = reachable(sizes, divisible), sum(sizes)
    for units in range(total + 1):
        if units in possible:
            require_reachable(sizes, [0] * len(sizes), units, divisible, units / total)
            continue
        with pytest.raises(InputError) as caught:
            require_reachable(sizes, [0] * len(sizes), units, divisible, units / total)
        sentence = str(caught.value)
        near = [max(k for k in possible if k < units), *sorted(k for k in possible if k > units)[:1]]
        places = " or ".join(f"{k} (sparsity {k / total:.4f})" for k in near)
        assert f"give {places};" in sentence and f"K = {units} " in sentence
        assert re.search(rf"the largest K is {max(possible)} of {total}$", sentence)


@st.composite
def problems(draw):
    sizes, divisible = draw(sizes_lists), draw(st.integers(1, 4))
    return sizes, divisible, draw(st.sampled_from(sorted(reachable(sizes, divisible))))


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(1, 5), st.data())
def test_counts_add_up_over_periods_and_end_where_they_may(problem, periods, data):
    """Every period the wishes may change; what is gone stays gone."""
    sizes, divisible, units = problem
    taken = [0] * len(sizes)
    for p in range(1, periods + 1):
        wanted = [data.draw(st.floats(0, size)) for size in sizes]
        final = final_counts(sizes, taken, wanted, units, divisible)
        assert sum(final) == units
        assert all(n in allowed(size, divisible) for n, size in zip(final, sizes))
        now = counts_now(taken, final, units * p // periods)
        assert sum(now) == units * p // periods
        assert all(before <= n <= end for before, n, end in zip(taken, now, final))
        taken = now
    assert taken == final


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(1, 5))
def test_proportional_shares_are_exact_to_within_one_unit(problem, periods):
    """In the end, where no group is at its cap. On the way to it a group may be one more off: what is gone is gone."""
    sizes, _, units = problem
    if units > sum(sizes) - len(sizes):
        return
    wanted = [size * units / sum(sizes) for size in sizes]
    final = final_counts(sizes, [0] * len(sizes), wanted, units, 1)
    if all(want + 1 <= size - 1 for want, size in zip(wanted, sizes)):
        assert all(abs(n - want) < 1 for n, want in zip(final, wanted))
    taken = [0] * len(sizes)
    for p in range(1, periods + 1):
        target = units * p // periods
        taken = counts_now(taken, final, target)
        shares = [end * target / max(units, 1) for end in final]
        assert all(abs(n - share) < 2 for n, share in zip(taken, shares)), (taken, shares)


@settings(max_examples=80, deadline=None)
@given(problems(), st.data())
def test_what_can_be_had_as_wanted_is_given(problem, data):
    sizes, divisible, _ = problem
    wanted = [data.draw(st.sampled_from(sorted(allowed(size, divisible)))) for size in sizes]
    assert final_counts(sizes, [0] * len(sizes), [float(n) for n in wanted], sum(wanted), divisible) == wanted


def test_worked_example():
    """K = 20 in multiples of 4: shares of 10, 5 and 5 become 8, 8 and 4, since what is short is carried on."""
    assert final_counts([32, 16, 16], [0, 0, 0], [10.0, 5.0, 5.0], 20, 4) == [8, 8, 4]
    assert counts_now([0, 0, 0], [8, 8, 4], 10) == [4, 4, 2]


def test_two_hundred_groups_of_a_thousand_units():
    sizes, units = [1024] * 200, 90_048
    require_reachable(sizes, [0] * len(sizes), units, 64, units / sum(sizes))
    final = final_counts(sizes, [0] * 200, [units / 200] * 200, units, 64)
    assert sum(final) == units and all(n % 64 == 0 and abs(n - units / 200) <= 64 for n in final)
