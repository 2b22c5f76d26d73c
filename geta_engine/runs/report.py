"""A stored run as the one document that the command line, REST and the pages tell of it. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from geta_engine.documents.runs import RunRecord, RunReport, RunsReport, RunSummary


def run_report(run: RunRecord) -> RunReport:
    """Where the run stands, what it has found out so far, and what it was made of."""
    summary: RunSummary = {**_unknown(), **run.summary, "steps": run.steps}
    return {
        **summary,
        "run": run.id,
        "name": run.name,
        "status": run.status,
        "stage": run.stage,
        "step": run.step,
        "error": run.error,
        "spec": run.spec,
        "created": datetime.fromtimestamp(run.created, UTC).isoformat(timespec="seconds"),
        "launcher": run.launcher,
        "config": run.config.model_dump(mode="json"),
    }


def runs_report(runs: Iterable[RunRecord]) -> RunsReport:
    """All runs, in the order given."""
    return {"runs": [run_report(run) for run in runs]}


def _unknown() -> RunSummary:
    """The keys that are always there, before the run has found any of them out."""
    return {
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
