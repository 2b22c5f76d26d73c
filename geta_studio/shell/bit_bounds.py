"""The bounds on bit widths being edited, by quantizer: the Configure tab checks them, graph and inspector show them."""

from __future__ import annotations

from geta_engine.documents.analysis import AnalysisDocument
from geta_studio.shell.stores import BitBounds, TypedNumber


def bounds_of(bits: BitBounds, analysis: AnalysisDocument) -> dict[str, tuple[TypedNumber, TypedNumber]]:
    """(b_l, b_u) of every quantizer, as typed."""
    pairs = {q["id"]: bits["layers"].get(q["id"], bits["default"]) for q in analysis["quantizers"]}
    return {key: (lower, upper) for key, (lower, upper) in pairs.items()}
