"""Analyses for the studio: a process each, a few at once, kept on disk. No torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import wait
from contextlib import suppress
from typing import Literal

from geta_engine.analysis.cache import BUDGET, AnalysisFiles, analysis_key
from geta_engine.child_process.child import ChildError
from geta_engine.child_process.pool import ChildPool, Job
from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.documents.child_process import AnalysisRequest, FailureReason
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace

State = Literal["running", "done", "failed", "cancelled"]
AT_ONCE = 2
MEMORY_GB = 8.0
"""Address space of one analysis; PyTorch and a traced ResNet20 take 0.7."""
SECONDS = 300
"""How long one analysis may take."""
_CHILD = "geta_engine.analysis.process"


class AnalysisJob:
    """One analysis under way or ended, for any thread."""

    def __init__(self, key: str, job: Job, files: AnalysisFiles, memory_gb: float, seconds: float) -> None:
        self._key, self._job, self._files = key, job, files
        self._memory_gb, self._seconds = memory_gb, seconds

    @property
    def state(self) -> State:
        if not self._job.future.done():
            return "running"
        reason = self.reason
        return "done" if reason is None else "cancelled" if reason == "cancelled" else "failed"

    @property
    def reason(self) -> FailureReason | None:
        """Why there is no result; None while it runs, and when it is done."""
        failure = self._failure()
        return failure.reason if failure else None

    @property
    def progress(self) -> str:
        """Where a running analysis is, in a few words."""
        if not self._job.started:
            return "Waiting for other analyses"
        return self._job.progress["text"] if self._job.progress else "Starting PyTorch"

    @property
    def result(self) -> AnalysisDocument | None:
        """The document, once "done" and while it is kept."""
        return self._files.read(self._key) if self.state == "done" else None

    @property
    def error(self) -> str | None:
        """What went wrong, as a sentence for a person, when "failed"."""
        failure = self._failure()
        if failure is None or failure.reason == "cancelled":
            return None
        most, seconds = f"{self._memory_gb:g} GB", f"{self._seconds:g} seconds"
        return {
            "time": f"the analysis took longer than {seconds} and was ended: try `geta analyze` instead",
            "memory": f"the model needs more than {most} to be analysed: try `geta analyze`",
            "ended": f"the analysis ended without a word (it may use up to {most}): try `geta analyze`",
            "internal": f"the model could not be analysed, on {failure}",
        }.get(failure.reason, str(failure))

    def cancel(self) -> None:
        """End the process; the job is "cancelled" unless it had ended."""
        self._job.cancel()

    def wait(self, timeout: float | None = None) -> State:
        """Block until the job has ended, or `timeout` seconds."""
        wait([self._job.future], timeout)
        return self.state

    def when_ended(self, act: Callable[[], None]) -> None:
        """Have `act` done by some thread once the job has ended, at once where it has."""
        self._job.future.add_done_callback(lambda _: act())

    def _failure(self) -> ChildError | None:
        error = self._job.future.exception() if self._job.future.done() else None
        return error if isinstance(error, ChildError) else None


class AnalysisJobs:
    """The analyses of one workspace, by SPEC: a zoo name, the path of a `.pt2` or `hf:DIR` (never code).

    A result is kept in `cache/analysis`. Asking for a model whose analysis is under way gives the same job.
    """

    def __init__(
        self, workspace: Workspace, memory_gb: float = MEMORY_GB, seconds: float = SECONDS, budget: int = BUDGET
    ) -> None:
        folder = workspace.cache / "analysis"
        folder.mkdir(exist_ok=True)
        self._files = AnalysisFiles(folder, budget)
        self._limits = (memory_gb, seconds)
        self._children = ChildPool(_CHILD, AT_ONCE, seconds=seconds, memory_gb=memory_gb)
        self._lock = threading.Lock()
        self._running: dict[str, AnalysisJob] = {}

    def cached(self, spec: str) -> AnalysisDocument | None:
        """The document, if there is one; milliseconds. Raises InputError for a spec that is no model."""
        return self._files.read(analysis_key(spec))

    def start(self, spec: str) -> AnalysisJob:
        """Start the analysis of `spec`, or give the one under way. Raises InputError for a spec that is no model."""
        key = analysis_key(spec)
        with self._lock:
            running = self._running.get(key)
            if running is not None and running.state == "running":
                return running
            request: AnalysisRequest = {"spec": spec, "out": str(self._files.path(key))}
            job = AnalysisJob(key, self._children.submit(request, self._files.log(key)), self._files, *self._limits)
            self._running[key] = job
        job.when_ended(lambda: self._drop(key, job))
        return job

    def remove(self, spec: str) -> None:
        """Remove the analysis of a model. Raises InputError for a spec that is no model."""
        self._files.remove(analysis_key(spec))

    def make_room(self, needed: Callable[[], Collection[str]]) -> None:
        """Remove the oldest analyses while all take more than their budget, but for those of the SPECs of `needed`
        and those under way."""
        self._files.make_room(lambda: self._keys(needed()))

    def close(self) -> None:
        """End the analyses under way; there are no new ones afterwards."""
        self._children.close()

    def _keys(self, specs: Collection[str]) -> set[str]:
        with self._lock:
            keys = set(self._running)
        for spec in specs:
            with suppress(InputError):
                keys.add(analysis_key(spec))
        return keys

    def _drop(self, key: str, job: AnalysisJob) -> None:
        with self._lock:
            if self._running.get(key) is job:
                del self._running[key]
