"""One child process, from the side of its caller."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import orjson

from geta_engine.documents.child_process import ChildMessage, FailureReason, Progress
from geta_engine.errors import GetaError

Report = Callable[[Progress], None]
"""Told how far a job is."""


class ChildError(GetaError):
    """A job ended without a result; the text is a sentence of the child's where it said one."""

    def __init__(self, reason: FailureReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Child:
    """One child process. It answers one request at a time; `kill` may come from any thread at any moment."""

    def __init__(self, module: str, memory_gb: float | None = None, log: Path | None = None) -> None:
        """Start `python -m module`; what it prints goes to the file `log`, else to standard error.

        `memory_gb` limits its address space (on Linux alone).
        """
        errors: IO[bytes] | None = log.open("wb") if log else None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        finally:
            if errors is not None:
                errors.close()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._messages = self._process.stdin, self._process.stdout
        self._lock = threading.Lock()
        self._killed = False
        self._expired = False
        if memory_gb is not None and sys.platform == "linux":
            limit = int(memory_gb * 2**30)
            with suppress(ProcessLookupError):
                resource.prlimit(self._process.pid, resource.RLIMIT_AS, (limit, limit))

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        with self._lock:
            return not self._killed and self._process.poll() is None

    def ask(self, request: object, report: Report, seconds: float) -> Any:
        """The result of a request. Raises ChildError where there is none, after `seconds` at the latest."""
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            return self._answer(request, report)
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End the process and all it started, without waiting for that. Its session is its own, so its id names a
        group that is its alone; only this object reaps it, so the id cannot be another process's by now."""
        with self._lock:
            if not self._killed and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._killed = True

    def close(self) -> None:
        """End the process and close the connection to it, when nobody asks it anything any more."""
        self.kill()
        self._process.wait()
        for stream in (self._requests, self._messages):
            with suppress(BrokenPipeError):
                stream.close()

    def _answer(self, request: object, report: Report) -> Any:
        with suppress(BrokenPipeError):
            self._requests.write(orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE))
            self._requests.flush()
        for line in self._messages:
            message = _message(line)
            if message is None:
                continue
            if "progress" in message:
                report(message["progress"])
            elif "result" in message:
                return message["result"]
            else:
                raise ChildError(message["reason"], message["error"])
        if self._expired:
            raise ChildError("time", "it took too long")
        raise ChildError("ended", "its process ended without a word")

    def _expire(self) -> None:
        self._expired = True
        self.kill()


def _message(line: bytes) -> ChildMessage | None:
    """A line of a child; None for what a library printed before `serve` began."""
    try:
        message = orjson.loads(line)
    except ValueError:
        return None
    is_message = isinstance(message, dict) and message.keys() & {"progress", "result", "error"}
    return cast(ChildMessage, message) if is_message else None
