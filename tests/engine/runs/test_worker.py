"""Runs as they are: a real model on real data, in worker processes that are paused, stopped, killed and resumed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from geta_engine.config import RunConfig, Schedule
from geta_engine.documents.commands import Command, Pause, Resume, Step, Stop
from geta_engine.documents.runs import RunRecord
from geta_engine.errors import InputError
from geta_engine.runs import control
from geta_engine.runs.launchers import LAUNCHERS, launcher_named
from geta_engine.runs.launchers.local import LocalLauncher
from geta_engine.runs.report import run_report
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store

SCHEDULE = Schedule(warmup=100, projection=100, projection_periods=2, joint=100, joint_periods=2, cooldown=100)
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

    def send(self, run: int, command: Command) -> None:
        control.send(self.store, self.workspace, run, command)

    def wait(self, run: int, reached: Callable[[RunRecord], bool], seconds: float = 90) -> RunRecord:
        deadline = time.monotonic() + seconds
        while not reached(record := self.store.get_run(run)):
            assert time.monotonic() < deadline, (record, self.workspace.worker_log(run).read_text())
            assert record.status != "failed" or reached(record), record.error
            time.sleep(0.02)
        return record

    def status(self, run: int, status: str) -> RunRecord:
        return self.wait(run, lambda record: record.status == status)

    def kill(self, run: int, step: int) -> int:
        record = self.wait(run, lambda record: record.step >= step)
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
    """Same numbers, steps, snapshots and markers, none twice and none missing."""
    record, other = straight
    assert desk.store.get_run(run).summary["state_sha256"] == record.summary["state_sha256"]
    for name, column in desk.store.steps(run).items():
        np.testing.assert_array_equal(column, other.store.steps(record.id)[name], err_msg=name)
    for kind in ("quantizers", "units", "gamma", "cosines", "saliency"):
        ours, theirs = (list(one.store.snapshots(number, kind)) for one, number in ((desk, run), (other, record.id)))
        assert [snapshot.step for snapshot in ours] == [snapshot.step for snapshot in theirs]
        for one, two in zip(ours, theirs):
            np.testing.assert_array_equal(one.values, two.values)
    assert desk.store.markers(run) == other.store.markers(record.id)


def test_a_run_goes_from_queued_to_done(straight: tuple[RunRecord, Desk]) -> None:
    record, desk = straight
    assert (record.step, record.steps, record.error) == (400, 400, None)
    assert record.summary["zero_units"] == record.summary["k_target"] == 96
    assert desk.store.steps(record.id)["step"].tolist() == list(range(1, 401))
    assert [marker.step for marker in desk.store.markers(record.id) if marker.kind == "stage"] == [0, 100, 200, 300]
    assert desk.workspace.compact_file(record.id).is_file() and desk.workspace.model_file(record.id).is_file()
    assert len(list(desk.workspace.checkpoints(record.id).iterdir())) == 2
    assert not desk.workspace.is_locked(record.id)


def test_pause_single_steps_and_resume_change_nothing(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    desk.send(run, Pause())
    at = desk.status(run, "paused").step
    assert at >= 1
    desk.send(run, Step(3))
    desk.wait(run, lambda record: record.step == at + 3)
    time.sleep(0.3)
    record = desk.store.get_run(run)
    assert (record.status, record.step) == ("paused", at + 3)
    desk.send(run, Resume())
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


@pytest.mark.slow
def test_a_paused_run_keeps_its_heart_beating(desk: Desk) -> None:
    run = desk.start()
    desk.send(run, Pause())
    first = desk.status(run, "paused").heartbeat
    assert first is not None
    desk.wait(run, lambda record: (record.heartbeat or 0) > first + 1.5, seconds=10)
    desk.send(run, Stop())
    desk.status(run, "stopped")


@pytest.mark.slow
def test_a_stopped_run_goes_on_in_a_new_process(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    desk.send(run, Pause())
    first = desk.status(run, "paused")
    with_snapshot = first.step + 4 - first.step % 4
    desk.send(run, Step(with_snapshot - first.step))
    desk.wait(run, lambda record: record.step == with_snapshot)
    desk.send(run, Stop())
    assert desk.status(run, "stopped").step == with_snapshot
    desk.send(run, Resume())
    done = desk.status(run, "done")
    assert done.pid != first.pid
    assert_same_record(desk, run, straight)


@pytest.mark.slow
def test_sigterm_stops_at_a_checkpoint(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    record = desk.wait(run, lambda record: record.step > 20)
    assert record.pid is not None
    os.kill(record.pid, signal.SIGTERM)
    stopped = desk.status(run, "stopped")
    (newest, *_) = sorted(desk.workspace.checkpoints(run).iterdir(), reverse=True)
    assert newest.name == f"step-{stopped.step:09d}.pt"
    desk.send(run, Resume())
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


@pytest.mark.slow
@pytest.mark.parametrize("kill_step", [1, 230, *random.Random(5).sample(range(2, 390), 18)])
def test_a_killed_run_ends_bit_identical(desk: Desk, straight: tuple[RunRecord, Desk], kill_step: int) -> None:
    run = desk.start()
    desk.kill(run, kill_step)
    desk.send(run, Resume())
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


def test_a_killed_run_is_shown_as_dead_and_cannot_be_paused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    run = desk.start()
    desk.kill(run, step=10)
    with pytest.raises(InputError, match="is dead and cannot take 'pause'"):
        desk.send(run, Pause())
    beat = desk.store.get_run(run).heartbeat
    assert beat is not None
    monkeypatch.setattr("geta_engine.store.runs.time.time", lambda: beat + 15.5)
    assert desk.store.get_run(run).status == "dead"
    desk.send(run, Stop())
    assert desk.store.get_run(run).status == "stopped"


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(desk: Desk, straight: tuple[RunRecord, Desk]) -> None:
    run = desk.start()
    desk.kill(run, step=230)
    (newest, *_) = sorted(desk.workspace.checkpoints(run).iterdir(), reverse=True)
    newest.write_bytes(newest.read_bytes()[:1000])
    desk.send(run, Resume())
    desk.status(run, "done")
    assert_same_record(desk, run, straight)


RESUMER = """
import sys
from geta_engine.documents.commands import Resume
from geta_engine.errors import InputError
from geta_engine.runs import control
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store
workspace = Workspace(sys.argv[1])
store = Store(workspace.store_url)
print("ready", flush=True)
sys.stdin.readline()
try:
    control.send(store, workspace, int(sys.argv[2]), Resume())
    print("resumed")
except InputError as error:
    print(error)
"""


def test_of_many_that_resume_at_once_one_starts_a_worker(desk: Desk) -> None:
    run = control.create(desk.store, desk.workspace, CONFIG, name="test")
    desk.store.set_status(run, "stopped")
    command = [sys.executable, "-c", RESUMER, desk.workspace.store_url, str(run)]
    resumers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for resumer in resumers:
        assert resumer.stdout is not None and resumer.stdout.readline() == "ready\n"
    for resumer in resumers:
        assert resumer.stdin is not None
        resumer.stdin.write("go\n")
        resumer.stdin.flush()
    said = [resumer.communicate(timeout=60)[0] for resumer in resumers]
    assert [text for text in said if text == "resumed\n"] == ["resumed\n"]
    assert all("cannot take 'resume'" in text for text in said if text != "resumed\n")


class NotingLauncher(LocalLauncher):
    """The local launcher, which notes the runs that it starts."""

    def __init__(self) -> None:
        self.started: list[int] = []

    def submit(self, workspace: Workspace, run_id: int) -> None:
        self.started.append(run_id)
        super().submit(workspace, run_id)


@pytest.mark.slow
def test_a_run_is_resumed_by_the_launcher_that_it_was_made_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    noting = NotingLauncher()
    monkeypatch.setitem(LAUNCHERS, "noting", noting)
    run = control.create(desk.store, desk.workspace, CONFIG, name="test", launcher="noting")
    control.start(desk.store, desk.workspace, run)
    desk.wait(run, lambda record: record.step > 5)
    desk.send(run, Stop())
    desk.status(run, "stopped")
    desk.send(run, Resume())
    desk.status(run, "done")
    assert noting.started == [run, run]
    assert run_report(desk.store.get_run(run))["launcher"] == "noting"


def test_a_launcher_that_is_not_known_is_refused(desk: Desk) -> None:
    with pytest.raises(InputError, match=r"'slurm' is not known here: give one of local"):
        control.create(desk.store, desk.workspace, CONFIG, name="test", launcher="slurm")
    assert desk.store.list_heads() == []
    run = desk.store.create_run(CONFIG, "mlp", "of a newer version", launcher="slurm")
    with pytest.raises(InputError, match="'slurm' is not known"):
        desk.send(run, Resume())


def test_two_workers_do_not_share_a_run(desk: Desk) -> None:
    run = desk.start()
    desk.send(run, Pause())
    record = desk.status(run, "paused")
    launcher_named("local").submit(desk.workspace, run)
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
    desk.send(run, Stop())
    desk.status(run, "stopped")
    folder = desk.workspace.artifacts(run)
    control.delete(desk.store, desk.workspace, run)
    assert not folder.exists() and desk.store.list_runs() == []
