"""A run as it is stored, and what a watcher asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from geta_engine.documents.events import LogLevel

Status = Literal["queued", "running", "paused", "stopped", "done", "failed", "dead"]
DEAD_AFTER = 15.0
"""Seconds without a heartbeat after which a queued, running or paused run is shown as dead."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as stored. `created` and `heartbeat` are seconds since the epoch; `step` of `steps` are finished."""

    id: int
    name: str
    created: float
    spec: str
    config: dict[str, Any]
    status: Status
    stage: str | None
    step: int
    steps: int
    pid: int | None
    heartbeat: float | None
    error: str | None
    summary: dict[str, Any]

    @property
    def ended(self) -> bool:
        """Nothing works on the run any more; all but "done" can be resumed."""
        return self.status in ("stopped", "done", "failed", "dead")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A stored log line; `id` grows over the run, `time` is seconds since the epoch."""

    id: int
    step: int
    level: LogLevel
    text: str
    time: float


class RunStatus(NamedTuple):
    """What a watcher needs to know to ask for more: cheap to read, a few rows whatever the length of the run."""

    status: Status
    stage: str | None
    step: int
    steps: int
    log_id: int
    error: str | None
    new_steps: bool
