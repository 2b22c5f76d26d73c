"""Groups that keep a multiple of `group_divisible`, or everything; 6 and 5 units here."""

from __future__ import annotations

import pytest

from geta_engine.errors import InputError
from tests.engine.qasso.small import SCHEDULE, start, train, zeros


def reachable(divisible: int) -> list[int]:
    def some(size: int) -> list[int]:
        return [n for n in range(size) if n == 0 or (size - n) % divisible == 0]

    return sorted({a + b for a in some(6) for b in some(5)})


@pytest.mark.parametrize("allocation", ["proportional", "global"])
@pytest.mark.parametrize("divisible", [2, 3, 7])
def test_every_reachable_k_is_reached_with_multiples(small, divisible, allocation):
    for k in reachable(divisible):
        qadg, model, opt = start(small, k / 11, allocation=allocation, group_divisible=divisible)
        train(model, opt, SCHEDULE.total)
        zero = zeros(model, qadg)
        assert zero.sum() == k
        for size, lost in ((6, int(zero[:6].sum())), (5, int(zero[6:].sum()))):
            assert lost == 0 or (size > lost and (size - lost) % divisible == 0), (k, size, lost)
        opt.assert_constraints()


@pytest.mark.parametrize("divisible", [2, 3, 4, 7])
def test_every_other_k_is_refused_with_the_largest(small, divisible):
    possible = reachable(divisible)
    refused = [k for k in range(10) if k not in possible]
    assert refused
    for k in refused:
        with pytest.raises(InputError, match=f"K = {k} .*largest K is {possible[-1]} of 11"):
            start(small, k / 11, group_divisible=divisible)


def test_shares_are_proportional_and_global_scores_are_not_bound_to_them(small):
    """K = 4 of 6 + 5: two and two by size; by score alone the four lowest, wherever they are."""
    lost = {}
    for allocation in ("proportional", "global"):
        qadg, model, opt = start(small, 4 / 11, allocation=allocation)
        for group in (opt.slices.position_of["a.weight"], opt.slices.position_of["a.bias"]):
            opt.param_groups[0]["params"][group].data.mul_(1e-3)
        for name in ("bn.weight", "bn.bias", "c.weight", "c.bias"):
            opt.param_groups[0]["params"][opt.slices.position_of[name]].data.mul_(1e-3)
        train(model, opt, SCHEDULE.total)
        zero = zeros(model, qadg)
        lost[allocation] = (int(zero[:6].sum()), int(zero[6:].sum()))
    assert lost == {"proportional": (2, 2), "global": (4, 0)}
