"""`geta run` and the commands beside it, from several processes at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store

PERIODS = "projection_periods: 5, joint_periods: 5"
SLOW = f"schedule: {{warmup: 8000, projection: 8000, joint: 8000, cooldown: 8000, {PERIODS}}}\n"
QUICK = f"schedule: {{warmup: 30, projection: 50, joint: 50, cooldown: 70, {PERIODS}}}\n"
KEYS = {
    *("run", "status", "stage", "step", "steps", "k_target", "zero_units", "total_units", "quantizers", "metric"),
    *("relative_bops", "params_dense", "params_compact", "verify", "state_sha256", "seconds"),
}


class Folder:
    """A working directory in which `geta` is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}/.geta/geta.db"
        (path / "slow.yaml").write_text(SLOW)
        (path / "quick.yaml").write_text(QUICK)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "geta_engine.cli", *arguments]

    def geta(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), cwd=self.path, capture_output=True, text=True, timeout=120)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = self.command("run", "mlp", "--config", "slow.yaml", *arguments)
        return subprocess.Popen(command, cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for_step(self, step: int) -> None:
        deadline = time.monotonic() + 90
        while not any(run.step >= step for run in Store(self.url).list_runs()):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path)
    yield folder
    for run in Store(folder.url).list_runs():
        if run.pid is not None and Workspace(folder.url).is_locked(run.id):
            os.kill(run.pid, signal.SIGKILL)


def parsed(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_is_reported_shown_and_exported(folder: Folder) -> None:
    flags = ("--sparsity", "0.4", "--bits", "4:6", "--seed", "1", "--config", "quick.yaml", "--name", "mine")
    done = folder.geta("run", "mlp", "--data", "digits", *flags, "--json", "-")
    report = parsed(done)
    assert done.stderr == ""
    assert set(report) >= KEYS and (report["status"], report["step"], report["steps"]) == ("done", 200, 200)
    assert report["zero_units"] == report["k_target"] == 76 and report["total_units"] == 192
    assert all(4 <= quantizer["bits"] <= 6 for quantizer in report["quantizers"])
    assert parsed(folder.geta("show", "1", "--json", "-")) == report
    assert parsed(folder.geta("runs", "--json", "-"))["runs"] == [report]
    assert "mine" in folder.geta("show", "1").stdout

    (file,) = parsed(folder.geta("export", "1", "--out", "small", "--json", "-"))["files"]
    code = f"import torch; print(torch.export.load({file!r}).module()(torch.zeros(3, 64)).shape)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=folder.path, capture_output=True, text=True)
    assert loaded.stdout.strip() == "torch.Size([3, 10])", loaded.stderr


@pytest.mark.slow
def test_a_file_trains_as_the_model_it_was_traced_from(folder: Folder) -> None:
    assert folder.geta("trace", "mlp", "-o", "m.pt2").returncode == 0
    flags = ("--config", "quick.yaml", "--json", "-")
    named, filed = (parsed(folder.geta("run", spec, *flags)) for spec in ("mlp", "m.pt2"))
    assert named["state_sha256"] == filed["state_sha256"]


@pytest.mark.slow
def test_a_second_process_pauses_resumes_and_stops(folder: Folder) -> None:
    with folder.start() as follower:
        folder.wait_for_step(1)
        paused = parsed(folder.geta("pause", "1", "--json", "-"))
        assert paused["status"] == "paused" and paused["k_target"] == 96
        assert parsed(folder.geta("show", "1", "--json", "-"))["step"] == paused["step"]
        assert parsed(folder.geta("resume", "1", "--json", "-"))["status"] == "running"
        stopped = parsed(folder.geta("stop", "1", "--json", "-"))
        assert stopped["status"] == "stopped" and stopped["step"] >= paused["step"]
        _, said = follower.communicate(timeout=30)
    assert follower.returncode == 1
    assert said.splitlines() == [
        f"geta: run 1 was stopped at step {stopped['step']} of {stopped['steps']}: `geta resume 1` goes on"
    ]
    assert folder.geta("export", "1", "--out", "d").returncode == 2


@pytest.mark.parametrize("interrupt", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupt_stops_the_run_and_says_how_to_go_on(folder: Folder, interrupt: signal.Signals) -> None:
    with folder.start("--json", "-") as follower:
        folder.wait_for_step(1)
        follower.send_signal(interrupt)
        printed, said = follower.communicate(timeout=60)
    assert follower.returncode == 1 and json.loads(printed)["status"] == "stopped"
    assert "`geta resume 1`" in said and "Traceback" not in said
    assert parsed(folder.geta("resume", "1", "--json", "-"))["status"] == "running"
    assert folder.geta("stop", "1").returncode == 0


@pytest.mark.slow
def test_a_run_outlives_the_process_that_started_it(folder: Folder) -> None:
    with folder.start() as follower:
        folder.wait_for_step(1)
        follower.kill()
    first = parsed(folder.geta("show", "1", "--json", "-"))
    folder.wait_for_step(first["step"] + 50)
    assert folder.geta("stop", "1").returncode == 0


@pytest.mark.slow
def test_a_killed_worker_is_told_and_the_run_resumed(folder: Folder) -> None:
    with folder.start() as follower:
        folder.wait_for_step(1)
        pid = Store(folder.url).get_run(1).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        _, said = follower.communicate(timeout=30)
    assert follower.returncode == 1 and "the worker of run 1 died" in said and len(said.splitlines()) == 1
    assert parsed(folder.geta("resume", "1", "--json", "-"))["status"] == "running"
    assert folder.geta("stop", "1").returncode == 0


def test_a_run_that_is_refused_exits_2_with_its_sentence(folder: Folder) -> None:
    done = folder.geta("run", "mlp", "--sparsity", "0.999", "--config", "quick.yaml", "--json", "-")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "0.999" in done.stderr
    assert json.loads(done.stdout)["status"] == "failed"
