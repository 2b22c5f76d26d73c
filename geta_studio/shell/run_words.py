"""The status of a run in words, and what each status allows: alike in the header, the dock and the table of runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from geta_engine.documents.runs import MetricValues, RunHead, Status

ACTIVE: tuple[Status, ...] = ("queued", "running", "paused")
RESUMABLE: tuple[Status, ...] = ("paused", "stopped", "failed", "dead")
STATUS_WORDS: dict[Status, str] = {
    "queued": "starting",
    "running": "running",
    "paused": "paused",
    "stopped": "stopped",
    "done": "done",
    "failed": "failed",
    "dead": "worker lost",
}
NO_METRIC: MetricValues = {"name": None, "dense": None, "final": None, "compact": None}
"""Of a run that has not measured any yet."""


class Choice(TypedDict):
    """One entry of a selector."""

    value: str
    label: str


def run_label(run: int, status: Status, step: int, steps: int) -> str:
    """ "run 7 · paused at 372/600"."""
    at = f" at {step}/{steps}" if status in ("running", "paused", "stopped", "failed", "dead") else ""
    return f"run {run} · {STATUS_WORDS[status]}{at}"


def run_choices(runs: Iterable[RunHead]) -> list[Choice]:
    """Choices of the run selector, in the order of the runs."""
    return [{"value": str(r.id), "label": run_label(r.id, r.status, r.step, r.steps)} for r in runs]


def newest_active(runs: Iterable[RunHead]) -> int | None:
    """The newest run that is still going, of records newest first."""
    return next((run.id for run in runs if run.status in ACTIVE), None)
