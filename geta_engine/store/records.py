"""What a run says about itself, as plain records: the events its loop yields and the rows the store gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

FrameKind = Literal["quantizers", "units", "gamma", "cosines", "saliency"]
MarkKind = Literal["stage", "period"]
LogLevel = Literal["info", "warning", "error"]
Command = Literal["pause", "resume", "stop", "step"]
Status = Literal["queued", "running", "paused", "stopped", "done", "failed", "dead"]

DEAD_AFTER = 15.0
"""Seconds without a heartbeat after which a queued, running or paused run is shown as dead."""


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One finished step; `step` counts from 1. `metric` is there only where the test set was evaluated."""

    step: int
    loss: float
    metric: float | None
    lr: float
    sparsity: float
    relative_bops: float


@dataclass(frozen=True, slots=True)
class FrameEvent:
    """An array at a step: float32, 2-d.

    "quantizers": n_quantizers x [b, d, q_m, t]; "units": n_units x [norm, state] with state 0 kept, 1 redundant,
    2 zero; "gamma": 1 x n_prunable_groups; "cosines": [cos_g, cos_d] x n_prunable_groups; "saliency": 1 x n_units.
    """

    step: int
    kind: FrameKind
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class MarkEvent:
    """A border: a stage or a period starts after `step` finished steps."""

    step: int
    kind: MarkKind
    label: str


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line for a person to read."""

    step: int
    level: LogLevel
    text: str


@dataclass(frozen=True, slots=True)
class ResultEvent:
    """The end of the run: its summary as plain data (DESIGN, "What --json holds")."""

    summary: dict[str, Any]


Event = StepEvent | FrameEvent | MarkEvent | LogEvent | ResultEvent


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
class Request:
    """A command left for the worker of a run."""

    command: Command
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A stored log line; `id` grows over the run, `time` is seconds since the epoch."""

    id: int
    step: int
    level: LogLevel
    text: str
    time: float


class Change(NamedTuple):
    """What a watcher needs to know to ask for more: cheap to read, a few rows whatever the length of the run."""

    status: Status
    stage: str | None
    step: int
    steps: int
    log_id: int
    error: str | None
    new_steps: bool
