"""The only door from the studio to the engine: store, launcher, analysis jobs, layout. Never imports torch."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from geta_engine.analysis.jobs import AnalysisJobs, Job
from geta_engine.config import make_config
from geta_engine.documents.commands import Command
from geta_engine.drawing.stages import Stage
from geta_engine.errors import GetaError, InputError
from geta_engine.runs import control
from geta_engine.runs.workspace import Workspace
from geta_engine.store import RunRecord, SnapshotEvent, Store
from geta_studio.services.layouts import Layouts
from geta_studio.services.model_library import COMPACT_KEY, ModelLibrary
from geta_studio.services.series import SeriesCache
from geta_studio.services.step_rate import StepRate

DEFAULT_MODEL = "resnet20"
UPLOAD_VARIABLE = "GETA_MAX_UPLOAD_MB"
DEFAULT_UPLOAD_MB = 2048
KEPT_ANALYSES = 8
log = logging.getLogger("geta_studio")


class ModelState(NamedTuple):
    """Where the analysis of a model stands: "ready", "working" or "failed", and a sentence about it."""

    state: str
    text: str


class Services:
    """What pages and callbacks may ask for, from any thread; raises InputError with a sentence to show."""

    def __init__(self, workspace: Workspace, model: str | None = None) -> None:
        self.workspace = workspace
        self.store = Store(workspace.store_url)
        self.library = ModelLibrary(workspace, model)
        self.first_model = self.library.first or DEFAULT_MODEL
        self.series = SeriesCache(self.store)
        self.layouts = Layouts(workspace.cache / "layout")
        self._jobs = AnalysisJobs(workspace)
        self._running: dict[str, Job] = {}
        self._analyses: dict[str, dict[str, Any]] = {}
        self._paces: dict[int, StepRate] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Cancel analyses and close the store; runs go on."""
        for job in self._running.values():
            job.cancel()
        self.layouts.close()
        self.store.close()

    # Models

    def models(self) -> list[dict[str, str]]:
        """Choices of the model selector."""
        return self.library.options()

    def analysis(self, key: str | None) -> dict[str, Any] | None:
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
            if self.analysis(key) is not None:
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
        self.library.remove(key)

    def _found(self, key: str) -> dict[str, Any] | None:
        job = self._running.get(key)
        if job is not None:
            return job.result if job.state == "done" else None
        try:
            return self._jobs.cached(self.library.spec(key))
        except InputError:
            return None

    def _remember(self, key: str, analysis: dict[str, Any] | None) -> None:
        if analysis is not None:
            self._analyses[key] = analysis
            for old in list(self._analyses)[:-KEPT_ANALYSES]:
                del self._analyses[old]

    def _start(self, key: str) -> Job:
        self._running[key] = self._jobs.start(self.library.spec(key))
        return self._running[key]

    def _job_state(self, key: str, job: Job) -> ModelState:
        label = self.library.label(key)
        if job.state == "failed":
            return ModelState("failed", str(job.error).replace(Path(self.library.spec(key)).name, label))
        if job.state == "cancelled":
            return ModelState("failed", f"the analysis of {label} was cancelled: choose the model again to restart it")
        return ModelState("working", f"Analysing {label}: {job.progress or 'starting'}")

    # Layout

    def dot(self, analysis: Mapping[str, Any], open_scopes: frozenset[str], stage: Stage, show_shape: bool) -> str:
        """The graph of an analysis at a stage in Graphviz's language."""
        from geta_engine.drawing.dot import to_dot

        return to_dot(analysis, open_scopes, stage, show_shape)

    # Runs

    def launch(self, fields: Mapping[str, Any]) -> int:
        """Make a run of checked fields (`model` is a key) and start its worker; returns its id."""
        key = fields["model"]
        config = make_config(**{**fields, "model": self.library.spec(key)})
        file = Path(config.model) if config.model.endswith(".pt2") else None
        run_id = control.create(self.store, self.workspace, config, name=self.library.label(key), model_file=file)
        control.start(self.store, self.workspace, run_id)
        return run_id

    def run(self, run_id: int) -> RunRecord:
        return self.store.get_run(run_id)

    def has_run(self, run_id: int | None) -> bool:
        return run_id is not None and any(run.id == run_id for run in self.store.list_runs())

    def runs(self) -> list[RunRecord]:
        """All runs, newest first."""
        return self.store.list_runs()

    def request(self, run_id: int, command: Command) -> None:
        """Pause, resume, stop or step a run."""
        control.send(self.store, self.workspace, run_id, command)

    def delete(self, run_id: int) -> None:
        control.delete(self.store, self.workspace, run_id)
        self.series.forget(run_id)

    def live_status(self, run_id: int | None) -> dict[str, Any]:
        """What the `live` store holds: where the run stands now, its pace and its newest frame."""
        if run_id is None:
            return {"run": None}
        try:
            change = self.store.status(run_id)
        except InputError:
            return {"run": None}
        frame = self.store.frame_at(run_id, "units")
        return {
            "run": run_id,
            "status": change.status,
            "stage": change.stage,
            "step": change.step,
            "steps": change.steps,
            "frame": frame.step if frame else None,
            "error": without_paths(change.error, self.workspace.root) or self._silence(change.status),
            "rate": self._rate(run_id, change.step) if change.status == "running" else None,
        }

    def _silence(self, status: str) -> str | None:
        """Why a worker may have fallen silent: it cannot say so itself on a full disk."""
        full = status == "dead" and shutil.disk_usage(self.workspace.root).free < LEAST_FREE
        return "the disk that holds the studio's files is full, make room on it first" if full else None

    def _rate(self, run_id: int, step: int) -> float | None:
        with self._lock:
            rate = self._paces.setdefault(run_id, StepRate()).at(time.monotonic(), step)
        return None if rate is None else float(f"{rate:.2g}")

    def frame(self, run_id: int, kind: str, step: int | None = None) -> SnapshotEvent | None:
        """The last frame of a kind at or before `step`, the newest where `step` is None."""
        return self.store.frame_at(run_id, kind, step)

    def compact_file(self, run_id: int) -> Path | None:
        """The compact model of a finished run, or None."""
        return self.workspace.compact_file(run_id) if self._is_compacted(self.run(run_id)) else None

    def runs_with_compact_model(self, key: str | None) -> list[RunRecord]:
        """The finished runs of a model whose compact model is there, newest first."""
        return [run for run in self.runs() if self.library.key_of(run) == key and self._is_compacted(run)]

    def source_run(self, key: str | None) -> RunRecord | None:
        """The run whose compact model a key names, or None."""
        named = COMPACT_KEY.fullmatch(key or "")
        return next((run for run in self.runs() if run.id == int(named[1])), None) if named else None

    def comparable_runs(self, run: RunRecord) -> list[RunRecord]:
        """The other finished runs of the model of a run whose compact model is there, newest first."""
        others = (other for other in self.runs() if other.id != run.id and other.spec == run.spec)
        return [other for other in others if self._is_compacted(other)]

    def _is_compacted(self, run: RunRecord) -> bool:
        return run.status == "done" and self.workspace.compact_file(run.id).is_file()

    def data_problem(self, spec: str) -> str | None:
        """A sentence when the data source cannot be used, else None."""
        from geta_engine.data.sources import check

        try:
            check(spec)
        except GetaError as error:
            return str(error)
        except (OSError, ValueError):
            return "the data cannot be found by that name: give a path that can exist, such as npz:/data/set.npz"
        return None

    @property
    def upload_limit(self) -> int:
        """Bytes; GETA_MAX_UPLOAD_MB sets it. Raises InputError when that is no number of megabytes."""
        given = os.environ.get(UPLOAD_VARIABLE, str(DEFAULT_UPLOAD_MB))
        try:
            limit = int(float(given) * 1_000_000)
        except (ValueError, OverflowError):
            limit = 0
        if limit <= 0:
            raise InputError(f"{UPLOAD_VARIABLE} is {given!r}: give the largest upload in megabytes, such as 2048")
        return limit


DISK_FULL = "The disk that holds the studio's files is full: make room on it, then try again. Runs are kept."
LEAST_FREE = 16_000_000
"""Bytes free under which a worker that fell silent most likely could not write."""


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of a file or of the database says that the disk is full."""
    no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return no_room or "database or disk is full" in str(error)


def without_paths(text: str | None, root: Path) -> str | None:
    """The first line of an error, with the folder of the workspace cut out of it."""
    return text.splitlines()[0].replace(f"{root}/", "") if text else None
