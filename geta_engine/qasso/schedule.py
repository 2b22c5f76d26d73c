"""step -> stage, period, and the upper bound in force: pure functions of the schedule (docs/method.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from geta_engine.config import Schedule

TrainingStage = Literal["pretrain", "warmup", "projection", "joint", "cooldown"]


@dataclass(frozen=True)
class StageStep:
    """Where a step stands: its stage, the period in it (from 0; 0 in stages without periods), and the step in that
    period of `length` steps (from 0)."""

    stage: TrainingStage
    period: int
    offset: int
    length: int

    @property
    def starts_period(self) -> bool:
        return self.offset == 0

    @property
    def ends_period(self) -> bool:
        return self.offset == self.length - 1


def stage_at(schedule: Schedule, step: int) -> StageStep:
    """The position of `step`, 0 <= step < schedule.total; later steps count as cool-down."""
    start = 0
    for stage, length, periods in (
        ("pretrain", schedule.pretrain, 1),
        ("warmup", schedule.warmup, 1),
        ("projection", schedule.projection, schedule.projection_periods),
        ("joint", schedule.joint, schedule.joint_periods),
    ):
        if step < start + length:
            each = length // periods
            return StageStep(stage, (step - start) // each, (step - start) % each, each)  # type: ignore[arg-type]
        start += length
    return StageStep("cooldown", 0, step - start, max(schedule.cooldown, 1))


def projected_share(schedule: Schedule, at: StageStep) -> float:
    """How far the upper bound has come down from b_init to b_u: 0 until the warm-up ends, p / B in period p, then 1."""
    if at.stage in ("pretrain", "warmup"):
        return 0.0
    return (at.period + 1) / schedule.projection_periods if at.stage == "projection" else 1.0


def units_due(schedule: Schedule, at: StageStep, k_target: int) -> int:
    """Units that are redundant or zero once the period of `at` has started: K * p / P, rounded down, K at the end."""
    if at.stage in ("pretrain", "warmup", "projection"):
        return 0
    return k_target * (at.period + 1) // schedule.joint_periods if at.stage == "joint" else k_target
