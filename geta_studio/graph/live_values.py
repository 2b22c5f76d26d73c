"""What a run, or the bounds being edited, say about the graph on screen."""

from __future__ import annotations

from geta_engine.documents.analysis import AnalysisDocument
from geta_studio.graph.compare import bits_of
from geta_studio.graph.scene import Matches
from geta_studio.graph.search import search
from geta_studio.services.services import Services
from geta_studio.services.unit_state import LiveValues, now, values_of
from geta_studio.shell.bit_bounds import bounds_of
from geta_studio.shell.stores import BitBounds


def live_values(services: Services, run_id: int | None, key: str | None) -> LiveValues | None:
    """Bits and unit states of the run on screen from its newest snapshots; of a compact model, the bits it has."""
    analysis = services.analyses.get(key)
    if analysis is not None and run_id is None and (source_run := services.runs.source_run(key)):
        return {"bits": bits_of(source_run.summary.get("quantizers", ()), analysis["quantizers"]), "groups": {}}
    if run_id is None or analysis is None or not services.runs.has_run(run_id):
        return None
    snapshot = services.runs.snapshot
    units, quantizers = values_of(snapshot(run_id, "units")), values_of(snapshot(run_id, "quantizers"))
    return now(analysis, units, quantizers, values_of(snapshot(run_id, "saliency")))


def matches(
    analysis: AnalysisDocument | None, query: str, values: LiveValues | None, bounds: BitBounds | None
) -> Matches:
    """What a search finds, by the bits of the run on screen, else by the bounds being edited."""
    if analysis is None or not query:
        return {"query": query, "nodes": []}
    bits = (values["bits"] if values else {}) or upper_bounds(analysis, bounds)
    return {"query": query, "nodes": search(analysis, query, bits)}


def upper_bounds(analysis: AnalysisDocument, bounds: BitBounds | None) -> dict[str, float]:
    """The upper bounds being edited, by quantizer: the bits to search by while there is no run."""
    pairs = {} if bounds is None else bounds_of(bounds, analysis)
    return {quantizer: float(upper) for quantizer, (_, upper) in pairs.items() if isinstance(upper, (int, float))}
