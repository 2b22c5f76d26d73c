"""What a run may cost in the end: relative BOPs, or bytes of its packed weights (docs/method.md, section 4.2)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geta_engine.cost.bit_cost import BitCost
from geta_engine.cost.model import CostModel
from geta_engine.qasso.bit_program import Widths
from geta_engine.quant.bank import QuantizerBank

BudgetKind = Literal["bops", "bytes"]


class Limit(NamedTuple):
    """A cost as a function of the bits, and the most that it may be."""

    cost: BitCost
    amount: float


class Budget:
    """The budget of one run.

    Without an amount it is the BOPs of all weights at their lower and all activations at their upper bounds, at the
    shapes that the run ends with, so that no run is dearer than one whose bits were not chosen.
    """

    def __init__(self, costs: CostModel, bank: QuantizerBank, kind: BudgetKind, amount: float | None) -> None:
        self._costs = costs
        self.kind = kind
        self.is_given = amount is not None
        self._amount = amount
        is_weight = np.array([q.kind == "weight" for q in bank.quantizers], bool)
        self.lower, self.upper = (b.cpu().numpy().astype(np.int64) for b in (bank.lower, bank.upper))
        self._default: Widths = np.where(is_weight, self.lower, self.upper)

    def limit(self, removed: NDArray[np.generic]) -> Limit:
        """For the units that are removed, as `CostModel` has them."""
        cost = self._costs.bytes(removed) if self.kind == "bytes" else self._costs.relative_bops(removed)
        return Limit(cost, cost.of(self._default) if self._amount is None else self._amount)

    def fix_amount(self, removed: NDArray[np.generic]) -> None:
        """Where no amount was given, let it be that of these units, whichever go in the end."""
        self._amount = self.limit(removed).amount

    @property
    def name(self) -> str:
        """What the amount is a number of, in a sentence."""
        return "bytes" if self.kind == "bytes" else "relative BOPs"
