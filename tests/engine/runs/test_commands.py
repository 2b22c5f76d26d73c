"""A worker's command_poller, with a real store and a thread in place of the training."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geta_engine.config import RunConfig
from geta_engine.documents.commands import Pause, Resume, Step, Stop
from geta_engine.runs.commands import CommandPoller, Stopped
from geta_engine.store import Store


class Stepper:
    """Does steps of 2 ms for as long as it is allowed to."""

    def __init__(self, store: Store, run: int) -> None:
        self.steps = self.rests = self.shown = 0
        self.stopped = False
        self._command_poller = CommandPoller(store, run, on_pause=self._rest, on_single_step=self._show)
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        try:
            while self.steps < 5000:
                time.sleep(0.002)
                self.steps += 1
                self._command_poller.check_commands()
        except Stopped:
            self.stopped = True

    def _rest(self) -> None:
        self.rests += 1

    def _show(self) -> None:
        self.shown += 1


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path}/geta.db")


@pytest.fixture
def run(store: Store) -> int:
    run = store.create_run(RunConfig(model="mlp"), "mlp", "x")
    store.set_status(run, "running")
    return run


@pytest.fixture
def stepper(store: Store, run: int) -> Iterator[Stepper]:
    stepper = Stepper(store, run)
    yield stepper
    store.send_command(run, Stop())
    stepper.thread.join(10)
    assert not stepper.thread.is_alive()


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in 5 s"
        time.sleep(0.01)


def status(store: Store, run: int) -> str:
    return store.get_run(run).status


def paused(store: Store, run: int, stepper: Stepper) -> int:
    store.send_command(run, Pause())
    stepper.thread.start()
    wait(lambda: status(store, run) == "paused")
    return stepper.steps


def test_a_pause_rests_once_and_does_no_more_steps(store: Store, run: int, stepper: Stepper) -> None:
    at = paused(store, run, stepper)
    time.sleep(0.15)
    assert (stepper.steps, stepper.rests) == (at, 1)


def test_resume_goes_on(store: Store, run: int, stepper: Stepper) -> None:
    at = paused(store, run, stepper)
    store.send_command(run, Resume())
    wait(lambda: stepper.steps > at + 10)
    assert status(store, run) == "running" and stepper.shown == 0


def test_single_steps_are_counted_and_shown(store: Store, run: int, stepper: Stepper) -> None:
    at = paused(store, run, stepper)
    store.send_command(run, Step())
    wait(lambda: stepper.steps == at + 1)
    store.send_command(run, Step(4))
    wait(lambda: stepper.steps == at + 5)
    time.sleep(0.15)
    assert (stepper.steps, stepper.shown, stepper.rests, status(store, run)) == (at + 5, 5, 1, "paused")


def test_a_pause_ends_a_long_row_of_single_steps(store: Store, run: int, stepper: Stepper) -> None:
    at = paused(store, run, stepper)
    store.send_command(run, Step(4000))
    wait(lambda: stepper.steps > at + 5)
    store.send_command(run, Pause())
    time.sleep(0.3)
    rested = stepper.steps
    time.sleep(0.15)
    assert stepper.steps == rested < at + 4000


def test_stop_is_obeyed_while_running_and_while_paused(store: Store, run: int, stepper: Stepper) -> None:
    paused(store, run, stepper)
    store.send_command(run, Stop())
    stepper.thread.join(5)
    assert stepper.stopped


def test_a_stop_that_a_resume_takes_back_is_none(store: Store, run: int, stepper: Stepper) -> None:
    store.send_command(run, Stop())
    store.send_command(run, Resume())
    stepper.thread.start()
    wait(lambda: stepper.steps > 20)
    assert not stepper.stopped
