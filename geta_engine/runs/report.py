"""A stored run as the document that `--json` of run, show and runs holds (DESIGN, "What --json holds"). No torch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from geta_engine.documents.runs import RunRecord

_RESULTS: dict[str, Any] = {
    "k_target": None,
    "zero_units": None,
    "total_units": None,
    "quantizers": [],
    "metric": {"name": None, "dense": None, "final": None, "compact": None},
    "relative_bops": None,
    "params_dense": None,
    "params_compact": None,
    "verify": {"max_rel_diff": None},
    "state_sha256": None,
    "seconds": None,
}
"""The keys that are always there; null until the run has found them out."""


def run_report(run: RunRecord) -> dict[str, Any]:
    """run, status, stage, step, steps, what the run has found out so far, and where it came from."""
    return {
        "run": run.id,
        "name": run.name,
        "status": run.status,
        "stage": run.stage,
        "step": run.step,
        "error": run.error,
        **_RESULTS,
        **run.summary,
        "steps": run.steps,
        "spec": run.spec,
        "created": datetime.fromtimestamp(run.created, UTC).isoformat(timespec="seconds"),
        "config": run.config,
    }


def runs_report(runs: list[RunRecord]) -> dict[str, Any]:
    """All runs, in the order given."""
    return {"runs": [run_report(run) for run in runs]}
