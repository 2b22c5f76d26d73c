"""What a model would lose with fewer bits or fewer units, before any training: plain data."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypedDict

from geta_engine.documents.analysis import QuantizerKind


class QuantizerSensitivity(TypedDict):
    """One quantizer. `losses` are nats an example at each of `widths`; `chosen` is its width within the budget."""

    id: str
    layer: str
    kind: QuantizerKind
    unsigned: bool
    widths: Sequence[int]
    losses: Sequence[float]
    chosen: int


class GroupSensitivity(TypedDict):
    """One prunable group that loses the `removed` units of the least loss, alone: nats an example, by the second order
    and as measured."""

    id: int
    name: str
    size: int
    removed: int
    predicted: float
    measured: float


class BudgetRange(TypedDict):
    """What all bits cost at their lower and at their upper bounds, and the budget between; relative BOPs or bytes."""

    kind: str
    least: float
    most: float
    amount: float
    cost: float
    """Of the chosen widths."""
    price: float
    """Nats an example that one more percent of the budget would save: 0 where the budget does not bite."""


class SensitivityReport(TypedDict):
    """All of it, for one model on one data set."""

    model: str
    data: str
    sparsity: float
    examples: int
    """How many the losses are means over."""
    quantizers: Sequence[QuantizerSensitivity]
    groups: Sequence[GroupSensitivity]
    budget: BudgetRange
    seconds: float
