"""Which width each quantizer gets, under one budget: an exact integer program (docs/method.md, section 4.2). No torch.

    min  sum_i loss_i(b_i)    subject to    cost(b) <= budget,   lower_i <= b_i <= upper_i

The cost is a sum of products of two widths. With z_i,b one-hot over the widths of quantizer i, the product of a pair is
linear in p_b,b' = z_i,b z_j,b', which the constraints sum_b' p = z_i and sum_b p = z_j make whole wherever z is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from geta_engine.cost.bit_cost import FLOAT_BITS, BitCost
from geta_engine.errors import InputError
from geta_engine.qasso.quiet import quiet_stdout

GAP = 1e-3
"""The sum of losses may be this share above the least there is."""
NODES = 20_000
"""Of the search tree; never a time limit, since a resumed run must choose the same."""
SOLVER_TOLERANCE = 2e-6
"""Share of a budget that is held back from the solver, which takes rows for kept that are off by half of that."""
ROUNDING = 1e-9
"""Share of a budget by which sums of the same numbers may differ."""

Widths = NDArray[np.int64]
"""Bits of each quantizer, shape [quantizers]."""
Losses = Sequence[NDArray[np.float64]]
"""What each quantizer loses at each of its widths, from its lower bound up; it falls, or stays, as the width grows."""


def require_affordable(cost: BitCost, lower: Widths, budget: float, name: str) -> None:
    """Raises InputError where not even the lower bounds keep within the budget; `name` is what it is a budget of."""
    least = cost.of(lower)
    if not fits(least, budget):
        raise InputError(
            f"a budget of {amount_text(budget)} {name} was given, and the lower bounds of the bits alone need "
            f"{amount_text(_rounded_up(least))}: give a larger one, lower the bounds, or remove more units"
        )


def amount_text(amount: float) -> str:
    """A share with five digits, or whole bytes."""
    return f"{amount:.5g}" if amount < 1 else f"{amount:,.0f}"


def _rounded_up(amount: float) -> float:
    """In the last digit that is shown, so that who gives it is not refused again."""
    if amount >= 1:
        return math.ceil(amount)
    unit = 10.0 ** (math.floor(math.log10(max(amount, 1e-300))) - 4)
    return math.ceil(amount / unit) * unit


def fits(value: float, budget: float) -> bool:
    """Whether a cost is within a budget, but for its rounding."""
    return value <= budget * (1 + ROUNDING)


def choose_bits(
    losses: Losses, lower: Widths, upper: Widths, cost: BitCost, budget: float, name: str = "relative BOPs"
) -> Widths:
    """The widths of least loss within the budget, of which none can be raised any more.

    Equal inputs give equal widths. `name` is what the budget is a number of.

    Raises:
        InputError: the lower bounds cost more than the budget.
    """
    require_affordable(cost, lower, budget, name)
    if fits(cost.of(upper), budget):
        return upper.copy()
    return raised(_solved(losses, lower, upper, cost, budget), losses, lower, upper, cost, budget)


class _Variables:
    """Where the variables stand: z of every quantizer, one after the other, then p of every pair."""

    def __init__(self, lower: Widths, upper: Widths, pairs: Sequence[tuple[int, int]]) -> None:
        self.widths = [np.arange(low, high + 1) for low, high in zip(lower, upper, strict=True)]
        counts = [len(w) for w in self.widths]
        counts_of_pairs = [counts[i] * counts[j] for i, j in pairs]
        ends = np.cumsum([*counts, *counts_of_pairs])
        spans = np.split(np.arange(ends[-1]), ends[:-1])
        self.z = spans[: len(counts)]
        self.p = [span.reshape(counts[i], counts[j]) for span, (i, j) in zip(spans[len(counts) :], pairs, strict=True)]
        self.count = int(ends[-1])


def _solved(losses: Losses, lower: Widths, upper: Widths, cost: BitCost, budget: float) -> Widths:
    table, none = cost.table, cost.quantizers
    pairs = [(i, j) for i, j in table if i != j and j != none]
    columns = _Variables(lower, upper, pairs)
    price, objective = np.zeros(columns.count), np.zeros(columns.count)
    for i, (z, widths) in enumerate(zip(columns.z, columns.widths, strict=True)):
        objective[z] = losses[i]
        price[z] = table.get((i, none), 0.0) * FLOAT_BITS * widths + table.get((i, i), 0.0) * widths**2
    rows = [(z, np.ones(len(z))) for z in columns.z]
    for (i, j), p in zip(pairs, columns.p, strict=True):
        price[p] = table[i, j] * np.outer(columns.widths[i], columns.widths[j])
        for z, lines in ((columns.z[i], p), (columns.z[j], p.T)):
            rows += [
                (np.append(line, one), np.append(np.ones(len(line)), -1.0)) for one, line in zip(z, lines, strict=True)
            ]
    right = (np.arange(len(rows)) < len(columns.z)).astype(float)
    remaining = budget - table.get((none, none), 0.0) * FLOAT_BITS**2
    with quiet_stdout():
        solved = milp(
            objective / max(float(objective.max()), np.finfo(float).tiny),
            integrality=np.arange(columns.count) <= columns.z[-1][-1],
            bounds=Bounds(0, 1),
            constraints=[
                LinearConstraint(_matrix(rows, columns.count), right, right),
                LinearConstraint(price[None] / remaining, -np.inf, 1.0 - SOLVER_TOLERANCE),
            ],
            options={"mip_rel_gap": GAP, "node_limit": NODES},
        )
    if solved.x is None:
        return lower.copy()
    chosen = np.array([w[np.argmax(solved.x[z])] for w, z in zip(columns.widths, columns.z, strict=True)], np.int64)
    return chosen if fits(cost.of(chosen), budget) else lower.copy()


def _matrix(rows: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], columns: int) -> coo_array:
    lines = np.repeat(np.arange(len(rows)), [len(places) for places, _ in rows])
    places, values = (np.concatenate(part) for part in zip(*rows, strict=True))
    return coo_array((values, (lines, places)), shape=(len(rows), columns))


def raised(bits: Widths, losses: Losses, lower: Widths, upper: Widths, cost: BitCost, budget: float) -> Widths:
    """Widths raised a bit at a time while that fits: the largest gain for its cost first, then the first quantizer.

    The solver may stop `GAP` from the best, and a quantizer that loses nothing has no reason in it to grow.
    """
    while True:
        growth, now = cost.of_one_more(bits), cost.of(bits)
        gains = np.array(
            [loss[b - low] - loss[min(b + 1 - low, len(loss) - 1)] for loss, b, low in zip(losses, bits, lower)]
        )
        is_open = (bits < upper) & (now + growth <= budget * (1 + ROUNDING))
        if not is_open.any():
            return bits
        worth = np.where(is_open, gains / np.maximum(growth, np.finfo(float).tiny), -1.0)
        bits[int(worth.argmax())] += 1
