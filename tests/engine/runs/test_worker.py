"""Runs as they are: a real model on real data, in worker processes that are paused, stopped, killed and resumed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from geta_engine.config import RunConfig, Schedule
from geta_engine.errors import InputError
from geta_engine.runs import control
from geta_engine.runs.workspace import Workspace
from geta_engine.store import RunRecord, Store

SCHEDULE = Schedule(warmup=200, projection=200, projection_periods=2, joint=200, joint_periods=2, cooldown=200)
CONFIG = RunConfig(model="mlp", schedule=SCHEDULE, seed=3)


@dataclass
class Desk:
    """A store with its workspace, and what a person does with a run."""

    store: Store
    workspace: Workspace

    def start(self, config: RunConfig = CONFIG) -> int:
        run = control.create(self.store, self.workspace, config, name="test")
        control.start(self.store, self.workspace, run)
        return run

    def send(self, run: int, command: str, **args: int) -> None:
        control.send(self.store, self.workspace, run, command, args)

    def wait(self, run: int, reached: Callable[[RunRecord], bool], seconds: float = 90) -> RunRecord:
        deadline = time.monotonic() + seconds
        while not reached(record := self.store.get_run(run)):
            assert time.monotonic() < deadline, (record, self.workspace.worker_log(run).read_text())
            assert record.status != "failed" or reached(record), record.error
            time.sleep(0.02)
        return record

    def status(self, run: int, status: str) -> RunRecord:
        return self.wait(run, lambda record: record.status == status)

    def kill(self, run: int, after_step: int) -> int:
        record = self.wait(run, lambda record: record.step >= after_step)
        assert record.pid is not None and record.status == "running"
        os.kill(record.pid, signal.SIGKILL)
        self.wait(run, lambda _: not self.workspace.is_locked(run))
        return self.store.get_run(run).step


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    workspace = Workspace(f"sqlite:///{tmp_path}/geta.db")
    desk = Desk(Store(workspace.store_url), workspace)
    yield desk
    for run in desk.store.list_runs():
        if workspace.is_locked(run.id) and run.pid is not None:
            os.kill(run.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, Desk]:
    """A run that nothing happened to."""
    workspace = Workspace(f"sqlite:///{tmp_path_factory.mktemp('straight')}/geta.db")
    desk = Desk(Store(workspace.store_url), workspace)
    return desk.status(desk.start(), "done"), desk


def assert_same_record(desk: Desk, run: int, straight: tuple[RunRecord, Desk]) -> None:
    """Same numbers, steps, frames and marks, none twice and none missing."""
    record, other = straight
    assert desk.store.get_run(run).summary["state_sha256"] == record.summary["state_sha256"]
    for name, column in desk.store.steps(run).items():
        np.testing.assert_array_equal(column, other.store.steps(record.id)[name], err_msg=name)
    for kind in ("quantizers", "units", "gamma", "cosines", "saliency"):
        ours, theirs = desk.store.frames(run, kind), other.store.frames(record.id, kind)
        assert [frame.step for frame in ours] == [frame.step for frame in theirs]
        for one, two in zip(ours, theirs):
            np.testing.assert_array_equal(one.values, two.values)
    assert desk.store.marks(run) == other.store.marks(record.id)


def test_a_run_goes_from_queued_to_done(straight: tuple[RunRecord, Desk]) -> None:
    record, desk = straight
    assert (record.step, record.steps, record.error) == (800, 800, None)
    assert record.summary["zero_units"] == record.summary["k_target"] == 96
    assert desk.store.steps(record.id)["step"].tolist() == list(range(1, 801))
    assert [mark.step for mark in desk.store.marks(record.id) if mark.kind == "stage"] == [0, 200, 400, 600]
    assert desk.workspace.compact_file(record.id).is_file() and desk.workspace.model_file(record.id).is_file()
    assert len(list(desk.workspace.checkpoints(record.id).iterdir())) == 2
    assert not desk.workspace.is_locked(record.id)


def test_pause_single_steps_and_resume_change_nothing(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    desk.send(run, "pause")
    at = desk.status(run, "paused").step
    assert at >= 1
    desk.send(run, "step", count=3)
    desk.wait(run, lambda record: record.step == at + 3)
    time.sleep(0.3)
    record = desk.store.get_run(run)
    assert (record.status, record.step) == ("paused", at + 3)
    desk.send(run, "resume")
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


def test_a_paused_run_keeps_its_heart_beating(desk: Desk) -> None:
    run = desk.start()
    desk.send(run, "pause")
    first = desk.status(run, "paused").heartbeat
    assert first is not None
    desk.wait(run, lambda record: (record.heartbeat or 0) > first + 1.5, seconds=10)
    desk.send(run, "stop")
    desk.status(run, "stopped")


def test_a_stopped_run_goes_on_in_a_new_process(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    desk.send(run, "pause")
    first = desk.status(run, "paused")
    with_frame = first.step + 4 - first.step % 4
    desk.send(run, "step", count=with_frame - first.step)
    desk.wait(run, lambda record: record.step == with_frame)
    desk.send(run, "stop")
    assert desk.status(run, "stopped").step == with_frame
    desk.send(run, "resume")
    done = desk.status(run, "done")
    assert done.pid != first.pid
    assert_same_record(desk, run, straight)


def test_sigterm_stops_at_a_checkpoint(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    record = desk.wait(run, lambda record: record.step > 20)
    assert record.pid is not None
    os.kill(record.pid, signal.SIGTERM)
    stopped = desk.status(run, "stopped")
    (newest, *_) = sorted(desk.workspace.checkpoints(run).iterdir(), reverse=True)
    assert newest.name == f"step-{stopped.step:09d}.pt"
    desk.send(run, "resume")
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


@pytest.mark.parametrize(
    "after_step",
    [1, 430, *(pytest.param(step, marks=pytest.mark.slow) for step in random.Random(5).sample(range(2, 790), 18))],
)
def test_a_killed_run_ends_bit_identical(desk: Desk, straight: tuple[RunRecord, Desk], after_step: int) -> None:
    run = desk.start()
    desk.kill(run, after_step)
    desk.send(run, "resume")
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


def test_a_killed_run_is_shown_as_dead_and_cannot_be_paused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    run = desk.start()
    desk.kill(run, after_step=10)
    with pytest.raises(InputError, match="is dead and cannot take 'pause'"):
        desk.send(run, "pause")
    beat = desk.store.get_run(run).heartbeat
    assert beat is not None
    monkeypatch.setattr("geta_engine.store.runs.time.time", lambda: beat + 15.5)
    assert desk.store.get_run(run).status == "dead"
    desk.send(run, "stop")
    assert desk.store.get_run(run).status == "stopped"


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    desk.kill(run, after_step=430)
    (newest, *_) = sorted(desk.workspace.checkpoints(run).iterdir(), reverse=True)
    newest.write_bytes(newest.read_bytes()[:1000])
    desk.send(run, "resume")
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


def test_two_workers_do_not_share_a_run(desk: Desk) -> None:
    run = desk.start()
    desk.send(run, "pause")
    record = desk.status(run, "paused")
    control.local.launch(desk.workspace.store_url, run)
    time.sleep(1)
    assert desk.store.get_run(run).pid == record.pid
    with pytest.raises(InputError, match="stop it before"):
        control.delete(desk.store, desk.workspace, run)


def test_a_config_that_does_not_fit_the_model_fails_in_a_sentence(desk: Desk) -> None:
    run = desk.start(CONFIG.model_copy(update={"sparsity": 0.999}))
    failed = desk.wait(run, lambda record: record.status == "failed")
    assert failed.error is not None and "0.999" in failed.error and "\n" not in failed.error
    assert [line.level for line in desk.store.logs(run)] == ["error"]


def test_a_worker_runs_no_code_that_a_spec_names(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w')")
    run = desk.start(CONFIG.model_copy(update={"model": f"{tmp_path}/evil.py:make"}))
    failed = desk.wait(run, lambda record: record.status == "failed")
    assert failed.error is not None and "is not among its artifacts" in failed.error
    assert not (tmp_path / "ran").exists()


def test_an_internal_error_shows_no_traceback_and_logs_one(desk: Desk) -> None:
    run = desk.start()
    record = desk.wait(run, lambda record: record.step > 5)
    shutil.rmtree(desk.workspace.checkpoints(run))
    failed = desk.wait(run, lambda record: record.status == "failed")
    assert failed.error is not None and "internal error (FileNotFoundError)" in failed.error
    assert str(desk.workspace.root) not in failed.error and record.step > 0
    assert "Traceback" in desk.workspace.worker_log(run).read_text()


def test_a_deleted_run_is_gone_with_its_artifacts(desk: Desk) -> None:
    run = desk.start()
    desk.wait(run, lambda record: record.step > 5)
    desk.send(run, "stop")
    desk.status(run, "stopped")
    folder = desk.workspace.artifacts(run)
    control.delete(desk.store, desk.workspace, run)
    assert not folder.exists() and desk.store.list_runs() == []
