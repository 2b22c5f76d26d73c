"""What a run records as it goes: steps, snapshots, markers and log lines."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from geta_engine.documents.events import (
    Event,
    LogEvent,
    LogRecord,
    MarkerEvent,
    ResultEvent,
    StepEvent,
)
from geta_engine.documents.snapshots import SnapshotEvent, SnapshotKind
from geta_engine.store import schema
from geta_engine.store.database import Database

STEP_COLUMNS = ("step", "loss", "metric", "lr", "sparsity", "relative_bops")


class SeriesTables(Database):
    """The series of every run, in the order of their steps."""

    def append(self, run_id: int, events: Sequence[Event]) -> None:
        """Write events in one transaction and move the run's step, stage and summary with them.

        A snapshot or marker that is there already is replaced.

        Raises:
            IntegrityError: a step is there already, or there is no such run; nothing is written then.
            ValueError: the array of a snapshot is not 2-d.
        """
        if not events:
            return
        with self._writer.begin() as connection:
            _insert_steps(connection, run_id, [event for event in events if isinstance(event, StepEvent)])
            _insert_snapshots(connection, run_id, [event for event in events if isinstance(event, SnapshotEvent)])
            _insert_markers(connection, run_id, [event for event in events if isinstance(event, MarkerEvent)])
            _insert_logs(connection, run_id, [event for event in events if isinstance(event, LogEvent)])
            _move_run(connection, run_id, events)

    def truncate(self, run_id: int, after: int) -> None:
        """Forget everything recorded after step `after`; -1 forgets all. The run's step and stage move back."""
        with self._writer.begin() as connection:
            for table in (schema.steps, schema.snapshots, schema.markers, schema.logs):
                connection.execute(sa.delete(table).where(table.c.run_id == run_id, table.c.step > after))
            marker = schema.markers.c
            stages = sa.select(marker.label).where(marker.run_id == run_id, marker.kind == "stage")
            last = stages.order_by(marker.step.desc()).limit(1)
            values = {"step": max(after, 0), "stage": connection.scalar(last)}
            connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run_id).values(values))

    def steps(self, run_id: int, after: int = 0, limit: int | None = None) -> dict[str, np.ndarray]:
        """Columns step (int64), loss, metric, lr, sparsity, relative_bops (float64, NaN: none) of steps > `after`."""
        column = schema.steps.c
        query = sa.select(*(column[name] for name in STEP_COLUMNS)).where(column.run_id == run_id, column.step > after)
        with self._reader.connect() as connection:
            cursor = connection.execute(query.order_by(column.step).limit(limit)).cursor
            # The cursor's own tuples: a Row around each takes four times as long to read.
            rows = cursor.fetchall() if cursor is not None else []
        values = np.array(rows, dtype=np.float64).reshape(len(rows), len(STEP_COLUMNS))
        columns = {name: np.ascontiguousarray(values[:, index]) for index, name in enumerate(STEP_COLUMNS)}
        return {**columns, "step": columns["step"].astype(np.int64)}

    def snapshots(self, run_id: int, kind: SnapshotKind, after: int = -1) -> Iterator[SnapshotEvent]:
        """The snapshots of a kind at steps > `after`, in order, one at a time: those of a large model fill a memory."""
        column = schema.snapshots.c
        query = sa.select(schema.snapshots).where(column.run_id == run_id, column.kind == kind, column.step > after)
        with self._reader.connect() as connection:
            for row in connection.execution_options(yield_per=1).execute(query.order_by(column.step)):
                yield _snapshot(row)

    def snapshot_at(self, run_id: int, kind: SnapshotKind, step: int | None = None) -> SnapshotEvent | None:
        """The last snapshot of a kind at or before `step` (the newest where None), or None before the first."""
        column = schema.snapshots.c
        query = sa.select(schema.snapshots).where(column.run_id == run_id, column.kind == kind)
        if step is not None:
            query = query.where(column.step <= step)
        with self._reader.connect() as connection:
            row = connection.execute(query.order_by(column.step.desc()).limit(1)).first()
        return None if row is None else _snapshot(row)

    def markers(self, run_id: int) -> list[MarkerEvent]:
        """The borders of stages and periods, in order of their steps."""
        column = schema.markers.c
        query = sa.select(column.step, column.kind, column.label).where(column.run_id == run_id)
        with self._reader.connect() as connection:
            return [MarkerEvent(*row) for row in connection.execute(query.order_by(column.step, column.kind.desc()))]

    def logs(self, run_id: int, after_id: int = 0, limit: int | None = None) -> list[LogRecord]:
        """Log lines with id > `after_id`, oldest first."""
        column = schema.logs.c
        query = sa.select(column.id, column.step, column.level, column.text, column.time)
        query = query.where(column.run_id == run_id, column.id > after_id).order_by(column.id).limit(limit)
        with self._reader.connect() as connection:
            return [LogRecord(*row) for row in connection.execute(query)]


def _snapshot(row: Row[Any]) -> SnapshotEvent:
    values = np.frombuffer(row.data, dtype="<f4").reshape(row.rows, row.columns)
    return SnapshotEvent(row.step, row.kind, values.astype(np.float32, copy=False))


def _insert_steps(connection: Connection, run_id: int, events: Sequence[StepEvent]) -> None:
    rows = [{"run_id": run_id, **{name: getattr(event, name) for name in STEP_COLUMNS}} for event in events]
    if rows:
        connection.execute(sa.insert(schema.steps), rows)


def _insert_snapshots(connection: Connection, run_id: int, events: Sequence[SnapshotEvent]) -> None:
    newest = {(event.kind, event.step): event for event in events}
    rows = [_snapshot_row(run_id, event) for event in newest.values()]
    _replace(connection, schema.snapshots, ("kind", "step"), rows)


def _snapshot_row(run_id: int, event: SnapshotEvent) -> dict[str, Any]:
    values = np.ascontiguousarray(event.values, dtype="<f4")
    if values.ndim != 2:
        raise ValueError(f"snapshot {event.kind!r} at step {event.step} has {values.ndim} dimensions, not 2")
    shape = {"rows": values.shape[0], "columns": values.shape[1]}
    return {"run_id": run_id, "kind": event.kind, "step": event.step, **shape, "data": values.tobytes()}


def _insert_markers(connection: Connection, run_id: int, events: Sequence[MarkerEvent]) -> None:
    newest = {(event.step, event.kind, event.label) for event in events}
    rows = [{"run_id": run_id, "step": step, "kind": kind, "label": label} for step, kind, label in sorted(newest)]
    _replace(connection, schema.markers, ("step", "kind", "label"), rows)


def _insert_logs(connection: Connection, run_id: int, events: Sequence[LogEvent]) -> None:
    now = time.time()
    rows = [{"run_id": run_id, "step": e.step, "level": e.level, "text": e.text, "time": now} for e in events]
    if rows:
        connection.execute(sa.insert(schema.logs), rows)


def _replace(connection: Connection, table: sa.Table, keys: Iterable[str], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    same = [table.c[key] == sa.bindparam(f"old_{key}") for key in ("run_id", *keys)]
    old = [{f"old_{key}": row[key] for key in ("run_id", *keys)} for row in rows]
    connection.execute(sa.delete(table).where(*same), old)
    connection.execute(sa.insert(table), rows)


def _move_run(connection: Connection, run_id: int, events: Sequence[Event]) -> None:
    """The step, stage and summary of a run, as its newest events say."""
    values: dict[str, Any] = {"heartbeat": time.time()}
    for event in events:
        if isinstance(event, StepEvent):
            values["step"] = event.step
        elif isinstance(event, MarkerEvent) and event.kind == "stage":
            values["stage"] = event.label
        elif isinstance(event, ResultEvent):
            values["summary"] = event.summary
    connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run_id).values(values))
