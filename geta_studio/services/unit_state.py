"""What the newest frames of a run say about quantizers and groups, small enough to send on every frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from geta_engine.documents.events import SnapshotEvent
from geta_engine.documents.unit_states import KEPT, REDUNDANT, ZERO


def values_of(frame: SnapshotEvent | None) -> np.ndarray | None:
    """The array of a frame, None where there is no frame."""
    return None if frame is None else frame.values


class GroupUnits(NamedTuple):
    """One group's rows of a "units" frame: norms and states, one entry a unit."""

    norms: np.ndarray
    states: np.ndarray

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many are kept, redundant, zero."""
        kept, redundant, zero = (int(np.sum(self.states == state)) for state in (KEPT, REDUNDANT, ZERO))
        return kept, redundant, zero


def units_by_group(analysis: Mapping[str, Any], values: np.ndarray | None) -> dict[int, GroupUnits]:
    """Split a "units" frame [n_units, 2] by group: rows are ordered by group id over prunable groups.

    An empty dict where there is no frame, or one of another model.
    """
    if values is None or len(values) != analysis["prunable_units"]:
        return {}
    return {group: GroupUnits(values[rows, 0], values[rows, 1]) for group, rows in _spans(analysis)}


def _means(analysis: Mapping[str, Any], saliency: np.ndarray | None) -> dict[int, float]:
    """Mean of a "saliency" frame [1, n_units] over each group."""
    if saliency is None or saliency.shape[-1] != analysis["prunable_units"]:
        return {}
    return {group: float(np.mean(saliency.ravel()[rows])) for group, rows in _spans(analysis)}


def _spans(analysis: Mapping[str, Any]) -> Iterator[tuple[int, slice]]:
    start = 0
    for group in sorted((g for g in analysis["groups"] if g["prunable"]), key=lambda g: g["id"]):
        yield group["id"], slice(start, start + group["size"])
        start += group["size"]


def bits_by_quantizer(analysis: Mapping[str, Any], values: np.ndarray | None) -> dict[str, float]:
    """Bit widths now, from a "quantizers" frame [n_quantizers, 4]; empty where the frame is of another model."""
    if values is None or len(values) != len(analysis["quantizers"]):
        return {}
    return {q["id"]: round(float(row[0]), 2) for q, row in zip(analysis["quantizers"], values, strict=True)}


def now(
    analysis: Mapping[str, Any],
    units: np.ndarray | None,
    quantizers: np.ndarray | None,
    saliency: np.ndarray | None = None,
) -> dict[str, Any] | None:
    """`{"bits": {quantizer: b}, "groups": {group: [kept, redundant, zero, mean norm, mean saliency]}}`, or None before
    any frame; there is no saliency (None) before the joint stage."""
    split = units_by_group(analysis, units)
    scores = _means(analysis, saliency)
    groups = {str(g): [*rows.counts, float(np.mean(rows.norms)), scores.get(g)] for g, rows in split.items()}
    bits = bits_by_quantizer(analysis, quantizers)
    return {"bits": bits, "groups": groups} if groups or bits else None
