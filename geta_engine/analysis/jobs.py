"""Analyses for the studio: one process each, cached on disk by what the model and the engine are. No torch."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from geta_engine.analysis.process import MEMORY_GB, SECONDS
from geta_engine.config import HUGGING_FACE
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace
from geta_engine.zoo.names import ZOO

State = Literal["running", "done", "failed", "cancelled"]
AT_ONCE = 2


class Job:
    """One analysis under way. `progress` is a sentence; `result` is there when "done", `error` when "failed"."""

    def __init__(self, spec: str, out: Path, memory_gb: float, seconds: int, places: threading.Semaphore) -> None:
        self.spec = spec
        self.state: State = "running"
        self.progress = "Waiting for other analyses"
        self.result: dict[str, Any] | None = None
        self.error: str | None = None
        self._out = out
        self._limits = (memory_gb, seconds)
        self._places = places
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name=f"analysis-{spec}", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End the process; the job is "cancelled" unless it had ended."""
        with self._lock:
            if self.state != "running":
                return
            self.state = "cancelled"
            if self._process is not None:
                _kill(self._process)

    def wait(self, timeout: float | None = None) -> State:
        """Block until the job has ended, or `timeout` seconds."""
        self._thread.join(timeout)
        return self.state

    def _run(self) -> None:
        with self._places:
            process = self._start()
            if process is None:
                return
            assert process.stdout is not None
            for line in process.stdout:
                self._hear(json.loads(line))
            self._conclude(process.wait())

    def _start(self) -> subprocess.Popen[str] | None:
        memory_gb, seconds = self._limits
        command = [sys.executable, "-m", "geta_engine.analysis.process", self.spec, "--out", str(self._out)]
        command += ["--memory-gb", str(memory_gb), "--seconds", str(seconds)]
        with self._lock, open(self._out.with_suffix(".log"), "wb") as log:
            if self.state == "running":
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
            return self._process

    def _hear(self, message: dict[str, str]) -> None:
        self.progress = message.get("progress", self.progress)
        self.error = message.get("error", self.error)

    def _conclude(self, code: int) -> None:
        result = _read(self._out) if code == 0 else None
        memory_gb, seconds = self._limits
        with self._lock:
            if self.state == "cancelled":
                return
            if result is not None:
                self.result, self.state = result, "done"
                return
            if code == -signal.SIGALRM:
                self.error = (
                    f"the analysis took longer than {seconds} seconds and was ended: try `geta analyze` instead"
                )
            elif self.error is None:
                self.error = (
                    f"the analysis ended without a word (it may use up to {memory_gb:g} GB): try `geta analyze`"
                )
            self.state = "failed"


class AnalysisJobs:
    """The analyses of one workspace, by SPEC: a zoo name, the path of a `.pt2` or `hf:DIR` (never code).

    A result is kept in `cache/analysis/<key>.json` under a key of the model (name, or sha256 of the file), the engine's
    sources and torch's version. Asking twice for the same model gives the same job.
    """

    def __init__(self, workspace: Workspace, memory_gb: float = MEMORY_GB, seconds: int = SECONDS) -> None:
        self._folder = workspace.cache / "analysis"
        self._folder.mkdir(exist_ok=True)
        self._limits = (memory_gb, seconds)
        self._places = threading.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def key(self, spec: str) -> str:
        """What names the analysis of `spec`: 64 hex digits. Raises InputError for a spec that is no model."""
        return hashlib.sha256(f"{_identity(spec)} {_engine_hash()}".encode()).hexdigest()

    def cached(self, spec: str) -> dict[str, Any] | None:
        """The report, if there is one; milliseconds."""
        return _read(self._folder / f"{self.key(spec)}.json")

    def start(self, spec: str) -> Job:
        """Start the analysis of `spec`, or give the one under way. Raises InputError as `key` does."""
        key = self.key(spec)
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.state != "running":
                job = self._jobs[key] = Job(spec, self._folder / f"{key}.json", *self._limits, self._places)
            return job


def _identity(spec: str) -> str:
    if spec in ZOO:
        return f"zoo {spec}"
    directory = spec.startswith(HUGGING_FACE)
    path = Path(spec.removeprefix(HUGGING_FACE)).expanduser() / "config.json" if directory else Path(spec)
    if not directory and path.suffix != ".pt2":
        raise InputError(f"{spec!r} is no model here: give one of {', '.join(ZOO)} or upload a .pt2 file")
    try:
        stat = path.stat()
        name = path.parent.name if directory else path.stem
        return f"file {name} {_file_hash(str(path), stat.st_size, stat.st_mtime_ns)}"
    except OSError:
        remedy = "hf: and a directory that has it" if directory else "a .pt2 written by `geta trace` or upload it again"
        raise InputError(f"there is no file {path.name!r}: give {remedy}") from None


@cache
def _file_hash(path: str, _size: int, _modified: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _engine_hash() -> str:
    root = Path(__file__).parent.parent
    digest = hashlib.sha256(version("torch").encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}:{path.stat().st_size}:".encode() + path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
