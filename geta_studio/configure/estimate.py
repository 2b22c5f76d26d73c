"""What bounds and sparsity allow, before any training: plain arithmetic over the analysis of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from geta_engine.config import units_to_remove
from geta_engine.documents.analysis import AnalysisDocument

FLOAT_BITS = 32

Pair = tuple[int, int]
"""(b_l, b_u)."""


class Estimate(NamedTuple):
    """Ranges (low, high): relative BOPs as a share of the 32 x 32 bit dense model, and bytes of parameters."""

    relative_bops: tuple[float, float]
    size: tuple[float, float]
    dense_size: float


class Reach(NamedTuple):
    """What a sparsity asks for: K zero units of `total`, of which at most `largest` can go."""

    k: int
    total: int
    largest: int


def reach(analysis: AnalysisDocument, sparsity: float) -> Reach:
    """0.5 of 448 prunable units -> Reach(k=224, total=448, largest=436)."""
    total = analysis["prunable_units"]
    return Reach(units_to_remove(sparsity, total), total, analysis["max_zero_units"])


def estimate(analysis: AnalysisDocument, bounds: Mapping[str, Pair], sparsity: float) -> Estimate:
    """Costs at the lower and at the upper bounds, if every prunable group lost the same share of its units.

    `bounds` holds (b_l, b_u) of each quantizer; what has no quantizer counts 32 bits. One layer of 1,000
    multiply-adds with weights and activations at 8 bits, unpruned: 1000 * 8 * 8 / (1000 * 32 * 32) = 0.0625.
    """
    keep: dict[int | None, float] = {
        group["id"]: 1 - sparsity if group["prunable"] else 1.0 for group in analysis["groups"]
    }
    low, high = (_costs(analysis, keep, bounds, end) for end in (0, 1))
    dense = analysis["model"]["params"] * FLOAT_BITS / 8
    return Estimate((low[0], high[0]), (low[1], high[1]), dense)


def _costs(
    analysis: AnalysisDocument, keep: Mapping[int | None, float], bounds: Mapping[str, Pair], end: int
) -> tuple[float, float]:
    """(relative BOPs, bytes) with every quantizer at one end of its bounds: 0 the lower, 1 the upper."""

    def bits(quantizer: str | None) -> int:
        return bounds[quantizer][end] if quantizer is not None and quantizer in bounds else FLOAT_BITS

    bops = macs = stored = counted = 0.0
    for layer in analysis["layers"]:
        share = keep.get(layer["in_group"], 1.0) * keep.get(layer["out_group"], 1.0)
        bops += layer["macs"] * share * bits(layer["weight_quantizer"]) * bits(layer["activation_quantizer"])
        macs += layer["macs"]
        stored += layer["params"] * share * bits(layer["weight_quantizer"]) / 8
        counted += layer["params"]
    unquantized = max(0.0, analysis["model"]["params"] - counted) * FLOAT_BITS / 8
    return bops / (macs * FLOAT_BITS**2) if macs else 0.0, stored + unquantized
