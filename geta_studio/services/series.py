"""What the store holds of a run, kept in memory and extended by what came after: several tabs ask the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from geta_engine.documents.snapshots import SnapshotEvent, SnapshotKind
from geta_engine.store import Store
from geta_studio.services.growing import Growing, LastUsed

KEPT_RUNS = 4
KEPT_CHOICES = 4 * KEPT_RUNS
"""Choices of rows whose snapshots are kept, of all runs and kinds."""

RunColumns = dict[str, np.ndarray]
ChooseRows = Callable[[int], np.ndarray]
"""The number of rows of a snapshot -> the indices of those to keep."""


class Snapshots(NamedTuple):
    """Snapshots of one kind, of some of their rows: a row is a unit or a quantizer."""

    step: np.ndarray
    """[snapshots]"""
    rows: np.ndarray
    """[rows]: their indices in a whole snapshot."""
    values: np.ndarray
    """[snapshots, rows, columns]"""
    newest: np.ndarray
    """[all rows, columns] of the newest snapshot."""


NO_SNAPSHOTS = Snapshots(np.zeros(0, np.int64), np.zeros(0, int), np.zeros((0, 0, 0)), np.zeros((0, 0)))


class SeriesCache:
    """Scalars and snapshots of the runs looked at last; each read asks the store only for what is new.

    From any thread. Who asks for a run that another thread is reading waits for that read, and for no other. Methods
    raise InputError where there is no such run.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._columns: LastUsed[int, _RunColumns] = LastUsed(KEPT_RUNS, _RunColumns)
        self._snapshots: LastUsed[tuple[int, SnapshotKind, str], _RunSnapshots] = LastUsed(KEPT_CHOICES, _RunSnapshots)

    def columns(self, run_id: int, last_step: int) -> RunColumns:
        """The scalar columns of the recorded steps, at least those up to `last_step`; [steps] each."""
        return self._columns.get(run_id).read(self._store, run_id, last_step)

    def snapshots(
        self, run_id: int, kind: SnapshotKind, last_step: int, choice: str, choose_rows: ChooseRows
    ) -> Snapshots:
        """The snapshots of one kind, at least those up to `last_step`, of some rows.

        `choose_rows` names the rows at the first snapshot; `choice` is the name under which they are kept.
        """
        kept = self._snapshots.get((run_id, kind, choice))
        return kept.read(self._store, run_id, kind, last_step, choose_rows)

    def drop(self, run_id: int) -> None:
        """Drop what is kept of a run."""
        self._columns.drop(lambda key: key == run_id)
        self._snapshots.drop(lambda key: key[0] == run_id)


class _RunColumns:
    """The scalar columns of one run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._columns: dict[str, Growing] = {}

    def read(self, store: Store, run_id: int, last_step: int) -> RunColumns:
        with self._lock:
            if self._last > last_step and store.run_status(run_id).step < self._last:
                self._last, self._columns = 0, {}
            if self._last < last_step or not self._columns:
                self._extend(store.steps(run_id, after=self._last))
            return {name: column.view() for name, column in self._columns.items()}

    def _extend(self, new: RunColumns) -> None:
        for name, values in new.items():
            self._columns.setdefault(name, Growing()).append(values)
        self._last = int(new["step"][-1]) if len(new["step"]) else self._last


class _RunSnapshots:
    """Some rows of the snapshots of one kind of one run, and all rows of the newest one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._last = -1
        self._step, self._values = Growing(), Growing()
        self._rows = self._newest = np.zeros(0, int)

    def read(self, store: Store, run_id: int, kind: SnapshotKind, last_step: int, choose_rows: ChooseRows) -> Snapshots:
        with self._lock:
            if self._last > last_step and (store.run_status(run_id).snapshot_step or 0) < self._last:
                self._clear()
            if self._last < last_step:
                for snapshot in store.snapshots(run_id, kind, after=self._last):
                    self._add(snapshot, choose_rows)
            if self._last < 0:
                return NO_SNAPSHOTS
            return Snapshots(self._step.view(), self._rows, self._values.view(), self._newest)

    def _add(self, snapshot: SnapshotEvent, choose_rows: ChooseRows) -> None:
        if self._last < 0:
            self._rows = choose_rows(len(snapshot.values))
        self._step.append(np.array([snapshot.step]))
        self._values.append(snapshot.values[self._rows][np.newaxis])
        self._newest, self._last = snapshot.values, snapshot.step
