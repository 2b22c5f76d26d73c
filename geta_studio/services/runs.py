"""Runs: launched, steered, and looked at. No torch."""

from __future__ import annotations

import hashlib
import math
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geta_engine.config import make_config
from geta_engine.documents.commands import Command
from geta_engine.documents.runs import LiveStatus, RunHead, RunRecord, RunReport
from geta_engine.documents.snapshots import SnapshotEvent, SnapshotKind
from geta_engine.errors import InputError
from geta_engine.runs import control
from geta_engine.runs.report import run_report
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store
from geta_studio.services.disk import LEAST_FREE, without_paths
from geta_studio.services.model_library import COMPACT_KEY, ModelLibrary
from geta_studio.services.series import SeriesCache
from geta_studio.services.step_rate import StepRate

VERSION_SECONDS = 1.0
NO_RUN: LiveStatus = {
    "run": None,
    "status": None,
    "stage": None,
    "step": 0,
    "steps": 0,
    "snapshot": None,
    "error": None,
    "rate": None,
}
"""What the `live` store of the page holds while no run is on screen."""


class Runs:
    """The runs of a store, from any thread. Methods that name a run raise InputError where there is none."""

    def __init__(self, store: Store, workspace: Workspace, library: ModelLibrary, series: SeriesCache) -> None:
        self._store = store
        self._workspace = workspace
        self._library = library
        self._series = series
        self._rates: dict[int, StepRate] = {}
        self._rates_lock = threading.Lock()
        self._version, self._version_time = "", -math.inf
        self._version_lock = threading.Lock()
        self._records = _Records(store)

    def launch(self, values: Mapping[str, Any]) -> int:
        """Make a run of the checked values of a configuration (`model` is a key) and start its worker; its id."""
        key = values["model"]
        config = make_config(**{**values, "model": self._library.spec(key)})
        file = Path(config.model) if config.model.endswith(".pt2") else None
        run_id = control.create(self._store, self._workspace, config, name=self._library.label(key), model_file=file)
        control.start(self._store, self._workspace, run_id)
        return run_id

    def get(self, run_id: int) -> RunRecord:
        """A run with its documents."""
        return self._store.get_run(run_id)

    def has_run(self, run_id: int | None) -> bool:
        """Whether there is such a run; False for None."""
        return run_id is not None and self._store.has_run(run_id)

    def heads(self) -> Sequence[RunHead]:
        """All runs without their documents, newest first: quick enough for a tick."""
        return self._store.list_heads()

    def version(self) -> str:
        """A short text that changes when anything changes that `heads` says of the runs, but for their heartbeats.

        Looked up at most once in `VERSION_SECONDS`, however many tabs ask.
        """
        with self._version_lock:
            if time.monotonic() - self._version_time >= VERSION_SECONDS:
                heads = [(run.id, run.name, run.status, run.stage, run.step, run.error) for run in self.heads()]
                self._version = hashlib.blake2s(repr(heads).encode(), digest_size=8).hexdigest()
                self._version_time = time.monotonic()
            return self._version

    def reports(self) -> list[RunReport]:
        """All runs as the browser may see them, newest first."""
        return [self._report(run) for run in self._records.list()]

    def report(self, run_id: int) -> RunReport:
        """One run as the browser may see it: its model by the name that the studio shows, its error without paths."""
        return self._report(self.get(run_id))

    def _report(self, run: RunRecord) -> RunReport:
        report = run_report(run)
        report["error"] = without_paths(run.error, self._workspace.root)
        report["config"]["model"] = report["spec"] = self._library.label(self._library.key_of(run))
        return report

    def send(self, run_id: int, command: Command) -> None:
        """Pause, resume, stop or step a run. Raises InputError also where its status does not allow the command."""
        control.send(self._store, self._workspace, run_id, command)

    def delete(self, run_id: int) -> None:
        """Delete a run with all that it recorded. Raises InputError also while a worker is on it."""
        control.delete(self._store, self._workspace, run_id)
        self._series.drop(run_id)

    def live_status(self, run_id: int | None) -> LiveStatus:
        """What the `live` store of the page holds: where the run stands now, its rate and its newest snapshot."""
        if run_id is None:
            return NO_RUN
        try:
            now = self._store.run_status(run_id)
        except InputError:
            return NO_RUN
        return {
            "run": run_id,
            "status": now.status,
            "stage": now.stage,
            "step": now.step,
            "steps": now.steps,
            "snapshot": now.snapshot_step,
            "error": without_paths(now.error, self._workspace.root) or self._silence(now.status),
            "rate": self._rate(run_id, now.step) if now.status == "running" else None,
        }

    def _silence(self, status: str) -> str | None:
        """Why a worker may have fallen silent: it cannot say so itself on a full disk."""
        full = status == "dead" and shutil.disk_usage(self._workspace.root).free < LEAST_FREE
        return "the disk that holds the studio's files is full, make room on it first" if full else None

    def _rate(self, run_id: int, step: int) -> float | None:
        with self._rates_lock:
            rate = self._rates.setdefault(run_id, StepRate()).at(time.monotonic(), step)
        return None if rate is None else float(f"{rate:.2g}")

    def snapshot(self, run_id: int, kind: SnapshotKind, step: int | None = None) -> SnapshotEvent | None:
        """The last snapshot of a kind at or before `step`, the newest where `step` is None."""
        return self._store.snapshot_at(run_id, kind, step)

    def compact_file(self, run_id: int) -> Path | None:
        """The compact model of a finished run, or None."""
        return self._workspace.compact_file(run_id) if self._is_compacted(self.get(run_id)) else None

    def runs_with_compact_model(self, key: str | None) -> Sequence[RunHead]:
        """The finished runs of a model whose compact model is there, newest first."""
        return [run for run in self.heads() if self._library.key_of(run) == key and self._is_compacted(run)]

    def source_run(self, key: str | None) -> RunRecord | None:
        """The run whose compact model a key names, or None."""
        named = COMPACT_KEY.fullmatch(key or "")
        return self.get(int(named[1])) if named and self.has_run(int(named[1])) else None

    def comparable_runs(self, run: RunHead) -> Sequence[RunHead]:
        """The other finished runs of the model of a run whose compact model is there, newest first."""
        others = (other for other in self.heads() if other.id != run.id and other.spec == run.spec)
        return [other for other in others if self._is_compacted(other)]

    def _is_compacted(self, run: RunHead) -> bool:
        return run.status == "done" and self._workspace.compact_file(run.id).is_file()


class _Records:
    """The runs with their documents, each read again only after a worker has touched it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[int, RunRecord] = {}

    def list(self) -> list[RunRecord]:
        """All runs, newest first."""
        with self._lock:
            heads = self._store.list_heads()
            changed = [run.id for run in heads if self._changed(run)]
            self._kept |= {record.id: record for record in self._store.list_runs(only=changed)} if changed else {}
            self._kept = {run.id: self._kept[run.id] for run in heads if run.id in self._kept}
            return list(self._kept.values())

    def _changed(self, head: RunHead) -> bool:
        """A worker that falls silent touches nothing, but its run is dead from then on."""
        kept = self._kept.get(head.id)
        return kept is None or (kept.heartbeat, kept.status, kept.step) != (head.heartbeat, head.status, head.step)
