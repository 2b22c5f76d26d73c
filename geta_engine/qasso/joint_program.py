"""How many units each group loses and which bits are left, in one currency (**ours**; docs/method.md, section 4.4).

    min  sum_g L_g(n_g) + sum_i Omega_i(b_i)    subject to    sum_g n_g = K,   C(n, b) <= budget

L_g(n) is the sum of the n smallest losses of the group's units. The cost is a product of what is kept and of bits, so
the two are had in turn: counts for a price of one unit of cost, then bits for what these counts leave. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geta_engine.qasso.bit_program import Losses, Widths, choose_bits, fits, raised
from geta_engine.qasso.budget import Limit

Counts = list[int]
"""Units that each group loses."""
PRICES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the price that the last bit was bought for: what a unit of cost is worth when counts are chosen."""
ROUNDS = 3


@dataclass(frozen=True)
class JointProgram:
    """What is to be decided. `units` are the losses of each group's units, `limit_of` the cost at given counts,
    `nearest` the counts that K and the divisors allow, near to those that are wanted."""

    units: Sequence[NDArray[np.float64]]
    losses: Losses
    lower: Widths
    upper: Widths
    limit_of: Callable[[Counts], Limit]
    nearest: Callable[[Sequence[float]], Counts]

    def counts(self, start: Counts) -> Counts:
        """The counts of the least loss of units and bits together that are found from `start`.

        Equal inputs give equal counts. Never worse than `start`, which must be affordable.
        """
        best, (bits, least) = start, self._with_bits(start)
        for _ in range(ROUNDS):
            price, slopes = self._price(best, bits), self._slopes(best, bits)
            tried = [self._cheapest(price * share, slopes, sum(start)) for share in PRICES]
            results = [(counts, *self._with_bits(counts)) for counts in tried if self._is_affordable(counts)]
            counts, bits_there, loss = min(results, key=lambda r: r[2], default=(best, bits, least))
            if not loss < least * (1 - 1e-4):
                break
            best, bits, least = counts, bits_there, loss
        return best if best == start or self._least_loss(best) < self._least_loss(start) else start

    def loss_of_units(self, counts: Counts) -> float:
        """sum_g L_g(n_g), nats an example."""
        return float(sum(np.sort(units)[:count].sum() for units, count in zip(self.units, counts, strict=True)))

    def _is_affordable(self, counts: Counts) -> bool:
        limit = self.limit_of(counts)
        return fits(limit.cost.of(self.lower), limit.amount)

    def _least_loss(self, counts: Counts) -> float:
        """Loss of units and of the best bits that these counts leave room for."""
        limit = self.limit_of(counts)
        bits = choose_bits(self.losses, self.lower, self.upper, limit.cost, limit.amount)
        return self.loss_of_units(counts) + self._loss_of_bits(bits)

    def _loss_of_bits(self, bits: Widths) -> float:
        return sum(float(loss[b - low]) for loss, b, low in zip(self.losses, bits, self.lower))

    def _with_bits(self, counts: Counts) -> tuple[Widths, float]:
        """Bits for these counts, bought one at a time, and the loss of both."""
        limit = self.limit_of(counts)
        bits = raised(self.lower.copy(), self.losses, self.lower, self.upper, limit.cost, limit.amount)
        return bits, self.loss_of_units(counts) + self._loss_of_bits(bits)

    def _price(self, counts: Counts, bits: Widths) -> float:
        """Loss for a unit of cost: what the last bit that was bought has saved, at most."""
        growth = self.limit_of(counts).cost.of_one_more(bits - 1)
        saved = [loss[b - 1 - low] - loss[b - low] for loss, b, low in zip(self.losses, bits, self.lower) if b > low]
        paid = growth[bits > self.lower]
        worth = np.array(saved) / np.maximum(paid, np.finfo(float).tiny)
        worth = worth[(worth > 0) & (paid > 0)]
        return float(np.median(worth)) if len(worth) else 0.0

    def _slopes(self, counts: Counts, bits: Widths) -> NDArray[np.float64]:
        """By how much the cost falls when a group loses one more unit, shape [groups]."""
        now = self.limit_of(counts).cost.of(bits)
        more = ([n + (i == g) for i, n in enumerate(counts)] for g in range(len(counts)))
        return np.array([now - self.limit_of(c).cost.of(bits) for c in more])

    def _cheapest(self, price: float, slopes: NDArray[np.float64], total: int) -> Counts:
        """The units of least loss less what their cost is worth; every group keeps one."""
        worth = [np.sort(units)[:-1] - price * slope for units, slope in zip(self.units, slopes, strict=True)]
        group = np.repeat(np.arange(len(worth)), [len(values) for values in worth])
        lowest = np.argsort(np.concatenate(worth), kind="stable")[:total]
        return self.nearest(np.bincount(group[lowest], minlength=len(worth)).astype(float).tolist())
