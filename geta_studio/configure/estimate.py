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
    """Ranges (low, high): relative BOPs as a share of the 32 x 32 bit dense model, and bytes of parameters.

    `usual_bops` are the relative BOPs of all weights at their lower and all activations at their upper bounds: the
    budget of a run that is given none; `least_size` is what the weights alone take at the lower bounds.
    """

    relative_bops: tuple[float, float]
    size: tuple[float, float]
    dense_size: float
    usual_bops: float
    least_size: float


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
    is_weight = {quantizer["id"]: quantizer["kind"] == "weight" for quantizer in analysis["quantizers"]}
    lowest = {name: lower for name, (lower, _) in bounds.items()}
    highest = {name: upper for name, (_, upper) in bounds.items()}
    usual = {name: lower if is_weight.get(name) else upper for name, (lower, upper) in bounds.items()}
    low, high, middle = (_costs(analysis, keep, bits) for bits in (lowest, highest, usual))
    dense = analysis["model"]["params"] * FLOAT_BITS / 8
    floats = max(0.0, analysis["model"]["params"] - sum(layer["params"] for layer in analysis["layers"]))
    return Estimate((low[0], high[0]), (low[1], high[1]), dense, middle[0], low[1] - floats * FLOAT_BITS / 8)


def _costs(
    analysis: AnalysisDocument, keep: Mapping[int | None, float], bits: Mapping[str, int]
) -> tuple[float, float]:
    """(relative BOPs, bytes) with the given bits; what has none counts 32."""

    def bits_of(quantizer: str | None) -> int:
        return bits.get(quantizer, FLOAT_BITS) if quantizer is not None else FLOAT_BITS

    bops = macs = stored = counted = 0.0
    for layer in analysis["layers"]:
        share = keep.get(layer["in_group"], 1.0) * keep.get(layer["out_group"], 1.0)
        for product in layer["products"]:
            bops += product["macs"] * share * bits_of(product["left"]) * bits_of(product["right"])
        macs += layer["macs"]
        stored += layer["params"] * share * bits_of(layer["weight_quantizer"]) / 8
        counted += layer["params"]
    unquantized = max(0.0, analysis["model"]["params"] - counted) * FLOAT_BITS / 8
    return bops / (macs * FLOAT_BITS**2) if macs else 0.0, stored + unquantized
