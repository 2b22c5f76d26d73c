"""Jobs for child processes: a queue, a few children at work at once, and for each job its progress and its end."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from geta_engine.child_process.child import Child, ChildError
from geta_engine.documents.child_process import Progress


class Job:
    """A request to a child: waiting for its turn, under way, or ended. For any thread."""

    def __init__(self, request: object, log: Path | None) -> None:
        self.request = request
        self.log = log
        self.progress: Progress | None = None
        """The last that the child said, or None before its first word."""
        self.started = False
        """Whether a child works, or has worked, on it."""
        self.future: Future[Any] = Future()
        """The result; its exception is a ChildError."""
        self.future.set_running_or_notify_cancel()  # `cancel` ends it; nobody who waits for it can
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """End the job at once; one that has ended stays as it is."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                self._child.kill()

    def run(self, child: Child, seconds: float) -> None:
        """Have a child do it; the future is settled afterwards, whatever happens."""
        try:
            result = self._asked(child, seconds)
        except Exception as error:
            self.fail(error)
        else:
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        """Settle the future of a job that has no result."""
        if self._cancelled:
            error = ChildError("cancelled", "it was cancelled")
        elif not isinstance(error, ChildError):
            error = ChildError("internal", f"an internal error ({type(error).__name__})")
        self.future.set_exception(error)

    def is_cancelled(self) -> bool:
        return self._cancelled

    def _asked(self, child: Child, seconds: float) -> Any:
        with self._lock:
            if self._cancelled:
                raise ChildError("cancelled", "it was cancelled")
            self._child = child
        self.started = True
        try:
            return child.ask(self.request, self._report_progress, seconds)
        finally:
            with self._lock:
                self._child = None

    def _report_progress(self, progress: Progress) -> None:
        self.progress = progress


class ChildPool:
    """Children of one module, at most `size` at work at once; jobs wait for their turn in order."""

    def __init__(
        self, module: str, size: int, *, seconds: float, memory_gb: float | None = None, reuse: bool = False
    ) -> None:
        """A job may take `seconds` once a child works on it.

        With `reuse` a child does one job after another and is replaced, ahead of the next job, when it was ended;
        without, each job has a child of its own.
        """
        self._module, self._size, self._seconds, self._memory_gb = module, size, seconds, memory_gb
        self._reuse = reuse
        self._idle: list[Child] = []
        self._jobs: set[Job] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=module)

    def warm(self) -> None:
        """Start the children before they are needed, so that the first job does not wait for their imports."""
        with self._lock:
            while self._reuse and not self._closed and len(self._idle) < self._size:
                self._idle.append(self._new_child())

    def submit(self, request: object, log: Path | None = None) -> Job:
        """Ask for a job; with `log`, a child of its own prints there. Raises RuntimeError after `close`."""
        job = Job(request, log)
        with self._lock:
            self._threads.submit(self._work, job)
            self._jobs.add(job)
        return job

    def close(self) -> None:
        """End all children and cancel all jobs; there are no new ones afterwards."""
        with self._lock:
            self._closed = True
            jobs, idle = list(self._jobs), list(self._idle)
            self._idle.clear()
        self._threads.shutdown(wait=False)
        for job in jobs:
            job.cancel()
        for child in idle:
            child.close()

    def _work(self, job: Job) -> None:
        try:
            if job.is_cancelled():
                raise ChildError("cancelled", "it was cancelled")
            child = self._take(job.log)
        except Exception as error:
            job.fail(error)
        else:
            job.run(child, self._seconds)
            self._put_back(child)
        finally:
            with self._lock:
                self._jobs.discard(job)

    def _take(self, log: Path | None) -> Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_alive():
                    return child
                child.close()
        return self._new_child(log)

    def _put_back(self, child: Child) -> None:
        keep = self._reuse and child.is_alive()
        if not keep:
            child.close()
        with self._lock:
            if self._reuse and not self._closed:
                self._idle.append(child if keep else self._new_child())
                return
        child.close()

    def _new_child(self, log: Path | None = None) -> Child:
        return Child(self._module, self._memory_gb, log)
