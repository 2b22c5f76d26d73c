"""A run as it is stored, and what a watcher asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from typing_extensions import TypedDict

from geta_engine.documents.events import LogLevel

Status = Literal["queued", "running", "paused", "stopped", "done", "failed", "dead"]
DEAD_AFTER = 15.0
"""Seconds without a heartbeat after which a queued, running or paused run is shown as dead."""


class QuantizerRow(TypedDict):
    """One quantizer of a run."""

    id: str
    layer: str
    kind: Literal["weight", "activation"]
    bits: float
    """The bit width now; whole at the end of a run."""
    lower: int
    upper: int


class MetricValues(TypedDict):
    """The metric of a run's task on the test split; None until it is known."""

    name: str | None
    dense: float | None
    """Of the uncompressed model trained as long, where a baseline was asked for."""
    final: float | None
    """Of the trained model that still has its zero units."""
    compact: float | None


class Difference(TypedDict, total=False):
    """How far the compact model's outputs are from those of the trained one."""

    max_rel_diff: float | None
    max_abs_diff: float
    dtype: str
    """The precision that the two were compared in."""


class RunSummary(TypedDict, total=False):
    """What a run has found out so far: its plan at first, all of it at the end."""

    steps: int
    task: str
    k_target: int | None
    zero_units: int | None
    total_units: int | None
    quantizers: list[QuantizerRow]
    metric: MetricValues
    relative_bops: float | None
    """Bit operations of the compressed model as a share of the 32-bit dense one."""
    params_dense: int | None
    params_compact: int | None
    macs_dense: int
    macs_compact: int
    bytes_dense: int
    bytes_compact: int
    verify: Difference
    state_sha256: str | None
    test_samples: int
    seconds: float | None
    """Spent in training, over all workers of the run."""
    refused: bool
    """The run failed because of what it was given."""


class LiveStatus(TypedDict):
    """Where the run on screen stands; a page asks for it several times a second. `run` is None where there is none."""

    run: int | None
    status: Status | None
    stage: str | None
    step: int
    steps: int
    frame: int | None
    """The step of the newest snapshot."""
    error: str | None
    rate: float | None
    """Steps a second, while the run goes on."""


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
    summary: RunSummary

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
