"""The real server process and the real browser, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

ANALYSES = ROOT / ".pytest_cache" / "analyses"
"""What the servers of all tests have analysed, each file named by the model and the sources that made it."""


class Server:
    """`python app.py` in a process of its own."""

    def __init__(self, store: Path, *arguments: str, **environment: str) -> None:
        self._arguments = arguments
        self.store = f"sqlite:///{store}/geta.db"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.analyses = store / "cache" / "analysis"
        self._log = store / "server.log"
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Server:
        """Start and wait for the first byte; what other servers have analysed before is there."""
        copy_missing(ANALYSES, self.analyses)
        command = [sys.executable, str(ROOT / "app.py"), "--port", str(self.port), "--store", self.store]
        command += self._arguments
        started = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment, cwd=ROOT)
        while time.monotonic() - started < 60:
            try:
                httpx.get(self.url, timeout=5)
                return self
            except httpx.TransportError:
                assert self._process.poll() is None, self._log.read_text()
                time.sleep(0.02)
        raise AssertionError("the server did not answer in a minute")

    def forget_analyses(self) -> None:
        """The next model that is chosen is analysed."""
        for file in self.analyses.glob("*.json"):
            file.unlink()

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(sent)
        self._process.wait(20)
        copy_missing(self.analyses, ANALYSES)


def copy_missing(source: Path, target: Path) -> None:
    """Copy the analyses that a folder lacks, each whole or not at all."""
    target.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.json"):
        if not (target / file.name).exists():
            part = target / f"{file.name}.{os.getpid()}"
            shutil.copyfile(file, part)
            part.replace(target / file.name)


def children(pid: int, module: str) -> list[int]:
    """The processes that a process started to run a module."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    actual = [int(child) for task in tasks for child in task.read_text().split()]
    wanted = f"\0-m\0{module}\0".encode()
    commands = {}
    for child in actual:
        with suppress(FileNotFoundError, ProcessLookupError):
            commands[child] = Path(f"/proc/{child}/cmdline").read_bytes()
    return [child for child, command in commands.items() if wanted in command]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def memory_mb(pid: int) -> float:
    """Resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def chromium_path() -> str | None:
    """GETA_CHROMIUM, else a Chromium or Chrome on PATH, else None: Playwright's own."""
    given = os.environ.get("GETA_CHROMIUM")
    return given or next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
