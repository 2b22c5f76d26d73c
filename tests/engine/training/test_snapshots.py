"""When a run is recorded: its first step, evenly, and wherever a stage or a period ends."""

from __future__ import annotations

import geta_engine as ge
from geta_engine.config import Schedule
from geta_engine.training.snapshots import is_snapshot_step

SCHEDULE = Schedule(
    pretrain=13, warmup=88, projection=204, projection_periods=2, joint=303, joint_periods=3, cooldown=394
)
BORDERS = {13, 101, 203, 305, 406, 507, 608, 1002}
"""The ends of stages (13, 101, 305, 608, 1002) and of periods (203; 406, 507), of which the even ones below hold none
but 305."""


def test_snapshots_are_made_evenly_and_at_all_borders() -> None:
    traced = ge.load("mlp")
    qadg = ge.analyze(traced)
    optimizer = ge.QASSO(ge.prepare(traced, qadg), qadg, ge.QASSOConfig(sparsity=0.5, schedule=SCHEDULE), lr=0.1)
    recorded = set()
    for step in range(1, SCHEDULE.total + 1):
        optimizer.steps = step
        if is_snapshot_step(optimizer):
            recorded.add(step)
    assert recorded == {1, *range(5, 1001, 5)} | BORDERS
