"""The budget as people write it: "1.2 %" of the dense bit operations, "37 kB", or nothing."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from geta_engine.config import RunConfig
from geta_engine.errors import InputError
from geta_studio.configure.estimate import Estimate
from geta_studio.shell.format import percent, size

_BYTES = {"b": 1, "bytes": 1, "kb": 1_000, "mb": 1_000_000}
_AMOUNT = re.compile(r"\s*([0-9]*[.,]?[0-9]+(?:e-?[0-9]+)?)\s*(%|[a-z]*)\s*", re.IGNORECASE)
NEAR = 0.97
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
"""A comma that parts thousands: 37,000."""


class Budget(NamedTuple):
    """The two fields of `RunConfig`, of which at most one is set."""

    bops: float | None = None
    bytes: int | None = None


def parse_budget(typed: object) -> Budget:
    """ "1.2 %" -> 0.012 of the bit operations, "37 kB" -> 37,000 bytes, blank -> none.

    Raises InputError for what is neither.
    """
    text = "" if typed is None else str(typed)
    if not text.strip():
        return Budget()
    match = _AMOUNT.fullmatch(_THOUSANDS.sub("", text))
    if match is not None and math.isfinite(float(match[1].replace(",", "."))):
        amount, unit = float(match[1].replace(",", ".")), match[2].lower()
        if unit == "%" and 0 < amount <= 100:
            return Budget(bops=amount / 100)
        if unit in _BYTES and amount * _BYTES[unit] >= 1:
            return Budget(bytes=round(amount * _BYTES[unit]))
    raise InputError(
        f"budget was given as {text!r}: give a share of the dense bit operations such as 1.2 %, a size such as 37 kB, "
        "or leave it blank"
    )


def shortfall(budget: Budget, least: Estimate) -> str | None:
    """A sentence where even the lower bounds cost more. The page's arithmetic has shares of units where a run has whole
    ones, so what is near is left to the run, which refuses it before it trains."""
    given = needed = None
    if budget.bops is not None and budget.bops < NEAR * least.relative_bops[0]:
        given, needed = f"{100 * budget.bops:.3g} %", percent(least.relative_bops[0], 2)
    elif budget.bytes is not None and budget.bytes < NEAR * least.least_size:
        given, needed = size(budget.bytes), size(least.least_size)
    if given is None:
        return None
    return (
        f"a budget of {given} was given, and the lower bounds alone need {needed}: give more, lower the bounds, or "
        "remove more units"
    )


def budget_text(config: RunConfig) -> str:
    """What `parse_budget` reads the fields of a configuration from."""
    if config.bops is not None:
        return f"{100 * config.bops:.12g} %"
    return "" if config.bytes is None else f"{config.bytes} bytes"
