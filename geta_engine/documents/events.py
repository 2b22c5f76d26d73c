"""What a run says about itself, as plain records: the events its loop yields and the rows the store gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from geta_engine.documents.runs import RunSummary
from geta_engine.documents.snapshots import SnapshotEvent

MarkerKind = Literal["stage", "period"]
LogLevel = Literal["info", "warning", "error"]


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
class MarkerEvent:
    """A border: a stage or a period starts after `step` finished steps.

    `label` is the id of the stage, such as "warmup", and for a period its number in the stage as well: "joint 3".
    """

    step: int
    kind: MarkerKind
    label: str


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line for a person to read."""

    step: int
    level: LogLevel
    text: str


@dataclass(frozen=True, slots=True)
class ResultEvent:
    """The end of the run: all that it has found out."""

    summary: RunSummary


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A stored log line; `id` grows over the run, `time` is seconds since the epoch."""

    id: int
    step: int
    level: LogLevel
    text: str
    time: float


Event = StepEvent | SnapshotEvent | MarkerEvent | LogEvent | ResultEvent
