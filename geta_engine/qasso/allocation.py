"""How many units each group loses: exactly K in all, every group keeping one, or a multiple of `group_divisible`.

Plain integers, once a period; which units of a group go is for the scores to say.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import reduce
from heapq import merge
from operator import or_
from typing import Literal

from geta_engine.errors import InputError

Allocation = Literal["proportional", "global", "chosen"]
"""How zero units are spread over groups: each its share by size, wherever the scores are lowest, or chosen together
with the bits."""


def require_reachable(sizes: Sequence[int], taken: Sequence[int], units: int, divisible: int, sparsity: float) -> None:
    """Raises InputError, naming the nearest and the largest K, unless the groups can lose exactly `units`.

    `taken` units of each are zero already.
    """
    reached = _reachable(_choices_from(sizes, taken, divisible))[0]
    if reached >> units & 1:
        return
    if not reached:
        raise InputError(
            f"{sum(taken)} of {sum(sizes)} units are zero already, all of a group among them: give a model in which "
            "every group has a unit left"
        )
    total = sum(sizes)
    below = (reached & ((1 << units) - 1)).bit_length() - 1
    above = reached >> units
    near = [*([below] if below >= 0 else []), *([units + (above & -above).bit_length() - 1] if above else [])]
    kept = "one unit" if divisible == 1 else f"a multiple of {divisible} units"
    already = f" and {sum(taken)} are zero already" if any(taken) else ""
    alternatives = " or ".join(f"{k} (sparsity {k / total:.4f})" for k in near)
    raise InputError(
        f"sparsity {sparsity} asks for K = {units} zero units, which is not to be had when every group keeps "
        f"{kept}{already}: give {alternatives}; the largest K is {reached.bit_length() - 1} of {total}"
    )


def final_counts(
    sizes: Sequence[int], taken: Sequence[int], wanted: Sequence[float], units: int, divisible: int
) -> list[int]:
    """What each group has lost in the end: near `wanted`, at least `taken`, `units` in all.

    `taken` must stem from an earlier result for the same sizes, units and divisor, so that there is one.
    """
    return _spread(_choices_from(sizes, taken, divisible), wanted, units)


def counts_now(taken: Sequence[int], final: Sequence[int], target: int) -> list[int]:
    """What each group has lost once `target` units are gone: its share of `final`, at least `taken`."""
    total = max(1, sum(final))
    return _spread(
        [[range(low, high + 1)] for low, high in zip(taken, final)], [f * target / total for f in final], target
    )


def _choices_from(sizes: Sequence[int], taken: Sequence[int], divisible: int) -> list[list[range]]:
    """The choices of each group that lose at least what is taken; one that has no other stays as it is."""
    reachable = []
    for size, floor in zip(sizes, taken):
        options = [range(_up(floor, r), r.stop, r.step) for r in _choices(size, divisible)]
        if not any(options) and floor < size:
            options = [range(floor, floor + 1)]
        reachable.append(options)
    return reachable


def _choices(size: int, divisible: int) -> list[range]:
    """Counts that a group of `size` may lose: none, or as many as leave a positive multiple of `divisible`."""
    some = range(size % divisible, size - divisible + 1, divisible)
    return [some] if size % divisible == 0 and len(some) else [range(0, 1), some]


def _up(floor: int, steps: range) -> int:
    """The first element of `steps` that is at least `floor`."""
    return steps.start + -(-max(0, floor - steps.start) // steps.step) * steps.step


def _reachable(choices: Sequence[Sequence[range]]) -> list[int]:
    """Element i has bit n set when the groups from i on can lose exactly n units; the last element is 1."""
    sums = [1]
    for options in reversed(choices):
        sums.append(reduce(or_, (_shifted(sums[-1], r) for r in options)))
    return sums[::-1]


def _shifted(bits: int, by: range) -> int:
    """The union of `bits << n` over n in `by`, by doubling."""
    count, result, done = len(by), 0, 0
    block, width = bits, 1
    while done < count:
        if count - done & width:
            result |= block << (done * by.step)
            done += width
        block |= block << (width * by.step)
        width *= 2
    return result << by.start if count else 0


def _spread(choices: Sequence[Sequence[range]], wanted: Sequence[float], units: int) -> list[int]:
    """One choice a group, `units` in all, each near what is wanted; what is over or short goes on to the next group."""
    after = _reachable(choices)
    counts: list[int] = []
    carry = 0.0
    for i, (options, want) in enumerate(zip(choices, wanted)):
        remaining, target = units - sum(counts), want + carry
        fits = (n for n in _nearest(options, target) if n <= remaining and after[i + 1] >> (remaining - n) & 1)
        counts.append(next(fits))
        carry = target - counts[-1]
    return counts


def _nearest(options: Sequence[range], target: float) -> Iterator[int]:
    """All numbers of the ranges, the nearest to `target` first, the smaller one of two that are as near."""
    halves: list[range] = []
    for r in options:
        middle = bisect_left(r, target)
        halves += [r[middle:], r[:middle][::-1]]
    return merge(*halves, key=lambda n: (abs(n - target), n))
