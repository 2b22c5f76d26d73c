"""Twenty random kill points over all stages: what a checkpoint holds is all that decides how the run ends."""

from __future__ import annotations

import os
import random

import pytest

import geta_engine as ge
from geta_engine.config import Schedule, make_config
from geta_engine.documents.events import ResultEvent, StepEvent
from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.runs.checkpoints import Checkpoints
from geta_engine.training.loop import Loop

SEED = int(os.environ.get("GETA_SEED", "4"))
SCHEDULE = Schedule(pretrain=9, warmup=8, projection=12, projection_periods=3, joint=15, joint_periods=3, cooldown=10)
CONFIG = make_config(
    model="lenet", schedule=SCHEDULE, sparsity=0.45, seed=7, evaluations=2, batch_size=32, accumulate=2, clip_norm=2.0
)


def kill_points() -> list[int]:
    """Four steps of each of the five stages, the same for one GETA_SEED."""
    chosen = random.Random(SEED)
    return [step + 1 for _, start, end in SCHEDULE.stages() for step in chosen.sample(range(start, end - 1), 4)]


def hashed(loop: Loop) -> tuple[str, dict[tuple[int, str], bytes]]:
    """state_sha256 at the end, and the frames on the way to it."""
    frames, end = {}, None
    for event in loop.events():
        if isinstance(event, SnapshotEvent):
            frames[event.step, event.kind] = event.values.tobytes()
        end = event
    assert isinstance(end, ResultEvent)
    return end.summary["state_sha256"], frames


@pytest.mark.parametrize("method", ["sgd", pytest.param("adam", marks=pytest.mark.slow)])
def test_a_run_killed_anywhere_ends_the_same(tmp_path, method):
    config = CONFIG.model_copy(update={"optimizer": method, "lr": 0.003 if method == "adam" else 0.05})
    traced = ge.load("lenet")
    straight, frames = hashed(Loop(traced, config))
    points = kill_points()[:: 1 if method == "adam" else 4]
    assert len(points) == (20 if method == "adam" else 5)
    first = Loop(traced, config)
    folders = {}
    for event in first.events():
        if isinstance(event, StepEvent) and event.step in points:
            folders[event.step] = tmp_path / str(event.step)
            folders[event.step].mkdir()
            Checkpoints(folders[event.step]).save(event.step, first.state())
    for step, folder in folders.items():
        actual = Checkpoints(folder).newest()
        assert actual is not None and actual[0] == step
        second = Loop(traced, config)
        second.restore(actual[1])
        end, later = hashed(second)
        assert end == straight, f"killed after step {step}, GETA_SEED={SEED}"
        assert later == {key: value for key, value in frames.items() if key[0] > step}, step
