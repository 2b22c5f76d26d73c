"""Analyses of the models on screen: started where nothing has, kept in memory once they are there. No torch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from geta_engine.analysis.jobs import AnalysisJob, AnalysisJobs
from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace
from geta_studio.services.model_library import ModelLibrary

KEPT_ANALYSES = 8
"""How many stay in memory: those asked for last."""


class ModelState(NamedTuple):
    """Where the analysis of a model stands: "ready", "working" or "failed", and a sentence about it."""

    state: str
    text: str


class _Started(NamedTuple):
    """An analysis that was started, and what its model was called then, by people and on disk."""

    job: AnalysisJob
    label: str
    file: str


class Analyses:
    """The analyses of the models of a library, by key, from any thread.

    `needed` gives the keys of models whose analyses must stay on disk, whatever they take: those of the runs there are.
    """

    def __init__(self, workspace: Workspace, library: ModelLibrary, needed: Callable[[], Iterable[str]]) -> None:
        self._library = library
        self._needed = needed
        self._jobs = AnalysisJobs(workspace)
        self._started: dict[str, _Started] = {}
        """By key, what is under way, and what failed since."""
        self._kept: OrderedDict[str, AnalysisDocument] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the analyses under way."""
        self._jobs.close()

    def get(self, key: str | None) -> AnalysisDocument | None:
        """The analysis of a model, or None where it is not there (yet)."""
        if key is None:
            return None
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            analysis = self._jobs.cached(self._library.spec(key))
        except InputError:
            return None
        if analysis is not None:
            self._library.mark_used(key)
            self._keep(key, analysis)
        return analysis

    def ensure_analysis(self, key: str, again: bool = False) -> ModelState:
        """Where the analysis of a model stands; starts it where nothing has, and, with `again`, where it failed.

        An upload that is no model is removed from the library when that is found out.
        """
        started = self._started.get(key)
        if started is not None and started.job.state == "running":
            return ModelState("working", f"Analysing {started.label}: {started.job.progress}")
        if self.get(key) is not None:
            return ModelState("ready", "")
        if started is not None and started.job.state != "done" and not again:
            self._remove_if_bad(key, started.job)
            return ModelState("failed", _failure(started))
        try:
            return self._start(key)
        except InputError as error:
            return ModelState("failed", str(error))

    def remove(self, key: str) -> None:
        """Forget a model and its analysis, under way or kept. Raises InputError where there is no such model."""
        spec = self._library.spec(key)
        with self._lock:
            started = self._started.pop(key, None)
            self._kept.pop(key, None)
        if started is not None:
            started.job.cancel()
            started.job.wait()
        self._jobs.remove(spec)

    def in_use(self) -> set[str]:
        """The keys of the models that pages asked for last, and of those whose analysis is under way."""
        with self._lock:
            return {*self._kept, *(key for key, started in self._started.items() if started.job.state == "running")}

    def _start(self, key: str) -> ModelState:
        spec, label = self._library.spec(key), self._library.label(key)
        job = self._jobs.start(spec)
        with self._lock:
            self._started[key] = _Started(job, label, Path(spec).name)
        job.when_ended(lambda: self._conclude(key, spec, job))
        return ModelState("working", f"Analysing {label}: {job.progress}")

    def _conclude(self, key: str, spec: str, job: AnalysisJob) -> None:
        self._remove_if_bad(key, job)
        if job.state == "done":
            self._jobs.make_room(lambda: [spec, *self._specs_needed()])

    def _remove_if_bad(self, key: str, job: AnalysisJob) -> None:
        """One that took too long or too much is kept: it may do better another time, or with `geta analyze`."""
        if job.reason == "refused":
            self._library.remove(key)

    def _specs_needed(self) -> list[str]:
        specs = []
        for key in {*self.in_use(), *self._needed()}:
            with suppress(InputError):
                specs.append(self._library.spec(key))
        return specs

    def _keep(self, key: str, analysis: AnalysisDocument) -> None:
        with self._lock:
            self._kept[key] = analysis
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_ANALYSES:
                self._kept.popitem(last=False)


def _failure(started: _Started) -> str:
    if started.job.state == "cancelled":
        return f"the analysis of {started.label} was cancelled: choose the model again to restart it"
    return str(started.job.error).replace(started.file, started.label)
