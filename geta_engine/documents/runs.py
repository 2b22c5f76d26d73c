"""A run as it is stored, as it is reported to people and programs, and as it stands while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from geta_engine.config import RunConfig

Status = Literal["queued", "running", "paused", "stopped", "done", "failed", "dead"]
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
"""Largest max|difference| / max|output| at which two models are the same, by the dtype they were compared in."""
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


class BudgetReport(TypedDict):
    """What the compressed model was allowed to cost, and what it costs with the bits that were chosen."""

    kind: Literal["bops", "bytes"]
    """Relative BOPs, or bytes of all parameters with packed weights."""
    is_given: bool
    """False where it is the usual one: all weights at their lower and all activations at their upper bounds."""
    amount: float
    cost: float | None
    """None until the run is done."""


class RunPlan(TypedDict):
    """What is known of a run before its first step."""

    steps: int
    task: str
    k_target: int
    """K: how many units are to be zero at the end."""
    zero_units: int
    total_units: int
    """How many units can be pruned."""
    quantizers: list[QuantizerRow]
    budget: BudgetReport | None
    """None where bits are not chosen."""
    metric: MetricValues
    params_dense: int


class FinalChecks(TypedDict):
    """What is known of a finished run without its data."""

    zero_units: int
    budget: BudgetReport | None
    """None where bits were not chosen."""
    quantizers: list[QuantizerRow]
    params_dense: int
    params_compact: int
    macs_dense: int
    macs_compact: int
    bytes_dense: int
    bytes_compact: int
    verify: Difference
    state_sha256: str
    """Over the final parameters and buffers, hex."""


class RunSummary(TypedDict, total=False):
    """What a run has found out so far: its plan at first, all of it at the end."""

    steps: int
    task: str
    k_target: int | None
    zero_units: int | None
    total_units: int | None
    quantizers: list[QuantizerRow]
    metric: MetricValues
    budget: BudgetReport | None
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


class RunReport(RunSummary):
    """One run, as the command line, REST and the pages tell of it: where it stands and its summary.

    The keys of the summary that may be null are always there, null until the run has found them out.
    """

    run: int
    name: str
    status: Status
    stage: str | None
    step: int
    error: str | None
    spec: str
    created: str
    """ISO 8601, UTC."""
    launcher: str
    config: dict[str, Any]
    """The RunConfig as JSON."""


class RunsReport(TypedDict):
    """All runs of a store, newest first."""

    runs: list[RunReport]


class LiveStatus(TypedDict):
    """Where the run on screen stands; a page asks for it several times a second. `run` is None where there is none."""

    run: int | None
    status: Status | None
    stage: str | None
    step: int
    steps: int
    snapshot: int | None
    """The step of the newest snapshot."""
    error: str | None
    rate: float | None
    """Steps a second, while the run goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What is quick to read of a run: what the database keeps before its documents. `step` of `steps` are finished."""

    id: int
    name: str
    created: float
    """Seconds since the epoch, as is `heartbeat`."""
    spec: str
    status: Status
    stage: str | None
    """The id of the training stage, such as "warmup"; None before the first."""
    step: int
    steps: int
    heartbeat: float | None
    """When a worker last said that it lives; None until the first was started."""
    error: str | None
    pid: int | None
    """The process id that its last worker gave."""

    @property
    def ended(self) -> bool:
        """Nothing works on the run any more; all but "done" can be resumed."""
        return self.status in ("stopped", "done", "failed", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord(RunHead):
    """One run as stored."""

    launcher: str
    """What starts its workers, a name in `geta_engine.runs.launchers`."""
    config: RunConfig
    summary: RunSummary


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where a run stands: a few numbers, quick to read whatever the length of the run and the size of its model."""

    status: Status
    stage: str | None
    step: int
    steps: int
    snapshot_step: int | None
    """The step of the newest snapshot of units."""
    error: str | None
