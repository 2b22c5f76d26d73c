"""Analyses of the models on screen: started where nothing has, kept in memory once they are there. No torch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, NamedTuple

from geta_engine.analysis.jobs import AnalysisJobs, Job
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace
from geta_studio.services.model_library import ModelLibrary

KEPT_ANALYSES = 8


class ModelState(NamedTuple):
    """Where the analysis of a model stands: "ready", "working" or "failed", and a sentence about it."""

    state: str
    text: str


class Analyses:
    """The analyses of the models of a library, by key, from any thread."""

    def __init__(self, workspace: Workspace, library: ModelLibrary) -> None:
        self._library = library
        self._jobs = AnalysisJobs(workspace)
        self._running: dict[str, Job] = {}
        self._analyses: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Cancel the analyses under way."""
        for job in self._running.values():
            job.cancel()

    def get(self, key: str | None) -> dict[str, Any] | None:
        """The analysis of a model, or None where it is not there (yet)."""
        if key is None:
            return None
        with self._lock:
            if key not in self._analyses:
                self._remember(key, self._found(key))
            return self._analyses.get(key)

    def ensure_analysis(self, key: str) -> ModelState:
        """Where the analysis of a model stands; starts it where nothing has."""
        try:
            if self.get(key) is not None:
                return ModelState("ready", "")
            with self._lock:
                job = self._running.get(key) or self._start(key)
        except InputError as error:
            return ModelState("failed", str(error))
        return self._job_state(key, job)

    def discard(self, key: str) -> None:
        """Drop an upload that cannot be analysed, so that it is not offered again."""
        with self._lock:
            self._running.pop(key, None)
        self._library.remove(key)

    def _found(self, key: str) -> dict[str, Any] | None:
        job = self._running.get(key)
        if job is not None:
            return job.result if job.state == "done" else None
        try:
            return self._jobs.cached(self._library.spec(key))
        except InputError:
            return None

    def _remember(self, key: str, analysis: dict[str, Any] | None) -> None:
        if analysis is not None:
            self._analyses[key] = analysis
            for old in list(self._analyses)[:-KEPT_ANALYSES]:
                del self._analyses[old]

    def _start(self, key: str) -> Job:
        self._running[key] = self._jobs.start(self._library.spec(key))
        return self._running[key]

    def _job_state(self, key: str, job: Job) -> ModelState:
        label = self._library.label(key)
        if job.state == "failed":
            return ModelState("failed", str(job.error).replace(Path(self._library.spec(key)).name, label))
        if job.state == "cancelled":
            return ModelState("failed", f"the analysis of {label} was cancelled: choose the model again to restart it")
        return ModelState("working", f"Analysing {label}: {job.progress or 'starting'}")
