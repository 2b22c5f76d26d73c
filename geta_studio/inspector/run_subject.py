"""The model on screen with what its run says of it now."""

from __future__ import annotations

from geta_engine.config import RunConfig
from geta_engine.documents.analysis import AnalysisDocument
from geta_studio.inspector.parts import Subject
from geta_studio.services.services import Services
from geta_studio.services.unit_state import values_of
from geta_studio.shell.bit_bounds import bounds_of
from geta_studio.shell.stores import BitBounds


def subject_of(services: Services, key: str | None, run_id: int | None, bits: BitBounds | None) -> Subject | None:
    """The model on screen with the newest frames of its run; bounds are the run's, else those being edited."""
    analysis = services.analyses.get(key)
    if analysis is None:
        return None
    if run_id is None or not services.runs.has_run(run_id):
        return Subject(analysis, bounds_of(bits, analysis) if bits else None)
    units, quantizers = services.runs.snapshot(run_id, "units"), services.runs.snapshot(run_id, "quantizers")
    bounds = run_bounds(services.runs.get(run_id).config, analysis)
    losses = services.runs.snapshot(run_id, "bit_losses")
    return Subject(analysis, bounds, values_of(units), values_of(quantizers), values_of(losses))


def run_bounds(config: RunConfig, analysis: AnalysisDocument) -> dict[str, tuple[int, int]]:
    """(b_l, b_u) of every quantizer, from the configuration of a run."""
    bounds = {q["id"]: config.bounds_of(q["id"]) for q in analysis["quantizers"]}
    return {key: (pair.lower, pair.upper) for key, pair in bounds.items()}
