"""What the newest snapshots of a run say about quantizers and groups, small enough to send with each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypedDict

import numpy as np

from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.documents.snapshots import BITS, KEPT, NORM, REDUNDANT, STATE, ZERO, SnapshotEvent


def values_of(snapshot: SnapshotEvent | None) -> np.ndarray | None:
    """The array of a snapshot, None where there is none."""
    return None if snapshot is None else snapshot.values


class GroupUnits(NamedTuple):
    """One group's rows of a snapshot of units: norms and states, one entry a unit."""

    norms: np.ndarray
    states: np.ndarray

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many are kept, redundant, zero."""
        kept, redundant, zero = (int(np.sum(self.states == state)) for state in (KEPT, REDUNDANT, ZERO))
        return kept, redundant, zero


class LiveValues(TypedDict):
    """What is known of the quantizers and groups of a run, or of a compact model."""

    bits: dict[str, float]  # by quantizer
    groups: dict[
        str, list[float | None]
    ]  # by group: how many units are kept, redundant, zero; mean norm; mean saliency


def units_by_group(analysis: AnalysisDocument, values: np.ndarray | None) -> dict[int, GroupUnits]:
    """Split a snapshot of units [n_units, 2] by group: rows are ordered by group id over prunable groups.

    An empty dict where there is no snapshot, or one of another model.
    """
    if values is None or len(values) != analysis["prunable_units"]:
        return {}
    return {group: GroupUnits(values[rows, NORM], values[rows, STATE]) for group, rows in _spans(analysis)}


def _means(analysis: AnalysisDocument, saliency: np.ndarray | None) -> dict[int, float]:
    """Mean of a snapshot of saliency [1, n_units] over each group."""
    if saliency is None or saliency.shape[-1] != analysis["prunable_units"]:
        return {}
    return {group: float(np.mean(saliency.ravel()[rows])) for group, rows in _spans(analysis)}


def _spans(analysis: AnalysisDocument) -> Iterator[tuple[int, slice]]:
    """The rows of each prunable group in a snapshot of units."""
    start = 0
    prunable = (group for group in analysis["groups"] if group["prunable"])
    for group in sorted(prunable, key=lambda group: group["id"]):
        yield group["id"], slice(start, start + group["size"])
        start += group["size"]


def bits_by_quantizer(analysis: AnalysisDocument, values: np.ndarray | None) -> dict[str, float]:
    """Bit widths now, from a snapshot of quantizers [n_quantizers, 4]; empty where it is of another model."""
    if values is None or len(values) != len(analysis["quantizers"]):
        return {}
    return {q["id"]: round(float(row[BITS]), 2) for q, row in zip(analysis["quantizers"], values, strict=True)}


def now(
    analysis: AnalysisDocument,
    units: np.ndarray | None,
    quantizers: np.ndarray | None,
    saliency: np.ndarray | None = None,
) -> LiveValues | None:
    """What the newest snapshots of a run say, or None before any. There is no saliency before the joint stage."""
    by_group = units_by_group(analysis, units)
    scores = _means(analysis, saliency)
    groups: dict[str, list[float | None]] = {
        str(group): [*rows.counts, float(np.mean(rows.norms)), scores.get(group)] for group, rows in by_group.items()
    }
    bits = bits_by_quantizer(analysis, quantizers)
    return {"bits": bits, "groups": groups} if groups or bits else None
