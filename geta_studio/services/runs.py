"""Runs: launched, steered, and looked at. No torch."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geta_engine.config import make_config
from geta_engine.documents.commands import Command
from geta_engine.errors import InputError
from geta_engine.runs import control
from geta_engine.runs.workspace import Workspace
from geta_engine.store import RunRecord, SnapshotEvent, Store
from geta_studio.services.disk import LEAST_FREE, without_paths
from geta_studio.services.model_library import COMPACT_KEY, ModelLibrary
from geta_studio.services.series import SeriesCache
from geta_studio.services.step_rate import StepRate


class Runs:
    """The runs of a store, from any thread. Methods that name a run raise InputError where there is none."""

    def __init__(self, store: Store, workspace: Workspace, library: ModelLibrary, series: SeriesCache) -> None:
        self._store = store
        self._workspace = workspace
        self._library = library
        self._series = series
        self._rates: dict[int, StepRate] = {}
        self._lock = threading.Lock()

    def launch(self, fields: Mapping[str, Any]) -> int:
        """Make a run of checked fields (`model` is a key) and start its worker; returns its id."""
        key = fields["model"]
        config = make_config(**{**fields, "model": self._library.spec(key)})
        file = Path(config.model) if config.model.endswith(".pt2") else None
        run_id = control.create(self._store, self._workspace, config, name=self._library.label(key), model_file=file)
        control.start(self._store, self._workspace, run_id)
        return run_id

    def get(self, run_id: int) -> RunRecord:
        return self._store.get_run(run_id)

    def has_run(self, run_id: int | None) -> bool:
        return run_id is not None and any(run.id == run_id for run in self._store.list_runs())

    def list(self) -> Sequence[RunRecord]:
        """All runs, newest first."""
        return self._store.list_runs()

    def send(self, run_id: int, command: Command) -> None:
        """Pause, resume, stop or step a run."""
        control.send(self._store, self._workspace, run_id, command)

    def delete(self, run_id: int) -> None:
        control.delete(self._store, self._workspace, run_id)
        self._series.forget(run_id)

    def live_status(self, run_id: int | None) -> dict[str, Any]:
        """What the `live` store holds: where the run stands now, its pace and its newest frame."""
        if run_id is None:
            return {"run": None}
        try:
            change = self._store.status(run_id)
        except InputError:
            return {"run": None}
        frame = self._store.frame_at(run_id, "units")
        return {
            "run": run_id,
            "status": change.status,
            "stage": change.stage,
            "step": change.step,
            "steps": change.steps,
            "frame": frame.step if frame else None,
            "error": without_paths(change.error, self._workspace.root) or self._silence(change.status),
            "rate": self._rate(run_id, change.step) if change.status == "running" else None,
        }

    def _silence(self, status: str) -> str | None:
        """Why a worker may have fallen silent: it cannot say so itself on a full disk."""
        full = status == "dead" and shutil.disk_usage(self._workspace.root).free < LEAST_FREE
        return "the disk that holds the studio's files is full, make room on it first" if full else None

    def _rate(self, run_id: int, step: int) -> float | None:
        with self._lock:
            rate = self._rates.setdefault(run_id, StepRate()).at(time.monotonic(), step)
        return None if rate is None else float(f"{rate:.2g}")

    def snapshot(self, run_id: int, kind: str, step: int | None = None) -> SnapshotEvent | None:
        """The last frame of a kind at or before `step`, the newest where `step` is None."""
        return self._store.frame_at(run_id, kind, step)

    def compact_file(self, run_id: int) -> Path | None:
        """The compact model of a finished run, or None."""
        return self._workspace.compact_file(run_id) if self._is_compacted(self.get(run_id)) else None

    def runs_with_compact_model(self, key: str | None) -> Sequence[RunRecord]:
        """The finished runs of a model whose compact model is there, newest first."""
        return [run for run in self.list() if self._library.key_of(run) == key and self._is_compacted(run)]

    def source_run(self, key: str | None) -> RunRecord | None:
        """The run whose compact model a key names, or None."""
        named = COMPACT_KEY.fullmatch(key or "")
        return next((run for run in self.list() if run.id == int(named[1])), None) if named else None

    def comparable_runs(self, run: RunRecord) -> Sequence[RunRecord]:
        """The other finished runs of the model of a run whose compact model is there, newest first."""
        others = (other for other in self.list() if other.id != run.id and other.spec == run.spec)
        return [other for other in others if self._is_compacted(other)]

    def _is_compacted(self, run: RunRecord) -> bool:
        return run.status == "done" and self._workspace.compact_file(run.id).is_file()
