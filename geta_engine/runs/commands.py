"""Commands as a worker takes them: pause, single steps, resume and stop are looked for between steps. No torch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from geta_engine.documents.commands import Command, Pause, Resume, Step, Stop
from geta_engine.store import Store

POLL_SECONDS = 0.05


class Stopped(Exception):
    """The run was told to stop."""


class CommandPoller:
    """The commands of one run, looked for between its steps.

    `on_pause` is called when the run pauses, before it is shown as paused; `on_single_step` after each single step.
    """

    def __init__(
        self, store: Store, run_id: int, on_pause: Callable[[], None], on_single_step: Callable[[], None]
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._on_pause = on_pause
        self._on_single_step = on_single_step
        self._allowance: int | None = None
        self._terminated = False
        self._polled = 0.0

    def listen_to_signals(self) -> None:
        """SIGTERM means stop."""
        signal.signal(signal.SIGTERM, self._on_terminate)

    def check_commands(self) -> None:
        """Return when the next step may be done. Raises Stopped when the run was told to stop."""
        was_free = self._allowance is None
        if self._allowance is not None:
            self._allowance -= 1
            self._on_single_step()
        if time.monotonic() - self._polled >= POLL_SECONDS:
            self._check_commands()
        if self._allowance == 0:
            self._wait(was_free)

    def _wait(self, was_free: bool) -> None:
        if was_free:
            self._on_pause()
            self._store.set_status(self._run_id, "paused")
        while self._allowance == 0:
            time.sleep(POLL_SECONDS)
            self._check_commands()
        if self._allowance is None:
            self._store.set_status(self._run_id, "running")

    def _check_commands(self) -> None:
        """Take the commands that wait. The last one wins: a stop that a resume follows is none."""
        stop = False
        for command in self._store.pop_commands(self._run_id):
            stop = isinstance(command, Stop) or (stop and not isinstance(command, Resume))
            self._allowance = self._allowance_after(command)
        self._polled = time.monotonic()
        if stop or self._terminated:
            raise Stopped

    def _allowance_after(self, command: Command) -> int | None:
        """How many steps may be done until the run pauses; None for no end."""
        match command:
            case Pause():
                return 0
            case Resume():
                return None
            case Step(count) if self._allowance is not None:
                return count
        return self._allowance

    def _on_terminate(self, _signal: int, _frame: object) -> None:
        self._terminated = True
