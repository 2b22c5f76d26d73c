"""What a run says about itself, as plain records: the events its loop yields and the rows the store gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

SnapshotKind = Literal["quantizers", "units", "gamma", "cosines", "saliency"]
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
class SnapshotEvent:
    """An array at a step: float32, 2-d.

    "quantizers": n_quantizers x [b, d, q_m, t]; "units": n_units x [norm, state] with state 0 kept, 1 redundant,
    2 zero; "gamma": 1 x n_prunable_groups; "cosines": [cos_g, cos_d] x n_prunable_groups; "saliency": 1 x n_units.
    """

    step: int
    kind: SnapshotKind
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class MarkerEvent:
    """A border: a stage or a period starts after `step` finished steps."""

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
    """The end of the run: its summary as plain data."""

    summary: dict[str, Any]


Event = StepEvent | SnapshotEvent | MarkerEvent | LogEvent | ResultEvent
