"""All SQL of the project. Writers use short transactions; readers ask only for what came after what they have."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from geta_engine.config import RunConfig
from geta_engine.documents.commands import Command, Request
from geta_engine.documents.events import Event, LogEvent, MarkerEvent, ResultEvent, SnapshotEvent, StepEvent
from geta_engine.documents.runs import DEAD_AFTER, LogRecord, RunRecord, RunStatus, Status
from geta_engine.errors import InputError
from geta_engine.store import database, schema

_STEP_COLUMNS = ("step", "loss", "metric", "lr", "sparsity", "relative_bops")


class Store:
    """The record of runs at a database URL, such as `sqlite:////home/me/.geta/geta.db`; many processes may hold one.

    Opening makes and migrates the database. Raises InputError when it cannot be opened, and for an unknown run id.
    """

    def __init__(self, url: str) -> None:
        self.url = database.parse_url(url).render_as_string(hide_password=False)
        self._reader = database.open_engine(url)
        self._writer = self._reader.execution_options(writes=True)

    def close(self) -> None:
        self._reader.dispose()

    # Runs

    def create_run(self, config: RunConfig, spec: str, name: str) -> int:
        """A new run in status "queued"; returns its id, which counts from 1 and is never reused."""
        values = {
            "name": name[:200],
            "created": time.time(),
            "spec": spec,
            "config": config.model_dump(mode="json"),
            "status": "queued",
            "step": 0,
            "steps": config.schedule.total,
            "summary": {},
        }
        with self._writer.begin() as connection:
            return connection.execute(sa.insert(schema.runs).values(values).returning(schema.runs.c.id)).scalar_one()

    def get_run(self, run_id: int) -> RunRecord:
        with self._reader.connect() as connection:
            row = connection.execute(sa.select(schema.runs).where(schema.runs.c.id == run_id)).first()
        if row is None:
            raise InputError(f"run {run_id} is not in this store: `geta runs` lists the runs there are")
        return _record(row)

    def list_runs(self) -> list[RunRecord]:
        """All runs, newest first."""
        with self._reader.connect() as connection:
            return [
                _record(row) for row in connection.execute(sa.select(schema.runs).order_by(schema.runs.c.id.desc()))
            ]

    def delete_run(self, run_id: int) -> None:
        """Remove a run and all its rows; the caller sees to it that no worker is on it."""
        with self._writer.begin() as connection:
            _expect_one(connection.execute(sa.delete(schema.runs).where(schema.runs.c.id == run_id)).rowcount, run_id)

    def set_status(
        self,
        run_id: int,
        status: Status,
        *,
        stage: str | None = None,
        error: str | None = None,
        summary: dict[str, Any] | None = None,
        pid: int | None = None,
    ) -> None:
        """Set the status, and with it `error` (None clears it); stage, summary and pid change only where given.

        Counts as a heartbeat. "dead" is never stored: it follows from the heartbeat.
        """
        values: dict[str, Any] = {"status": status, "error": error, "heartbeat": time.time()}
        given = {"stage": stage, "summary": summary, "pid": pid}
        values.update({key: value for key, value in given.items() if value is not None})
        self._update(run_id, values)

    def heartbeat(self, run_id: int) -> None:
        self._update(run_id, {"heartbeat": time.time()})

    def _update(self, run_id: int, values: dict[str, Any]) -> None:
        with self._writer.begin() as connection:
            update = sa.update(schema.runs).where(schema.runs.c.id == run_id).values(values)
            _expect_one(connection.execute(update).rowcount, run_id)

    # What the loop says

    def append(self, run_id: int, events: Sequence[Event]) -> None:
        """Write events in one transaction and move the run's step, stage and summary with them.

        A frame or mark that is there already is replaced; a step that is there already raises IntegrityError.
        """
        if not events:
            return
        with self._writer.begin() as connection:
            _insert_steps(connection, run_id, [event for event in events if isinstance(event, StepEvent)])
            _insert_frames(connection, run_id, [event for event in events if isinstance(event, SnapshotEvent)])
            _insert_marks(connection, run_id, [event for event in events if isinstance(event, MarkerEvent)])
            _insert_logs(connection, run_id, [event for event in events if isinstance(event, LogEvent)])
            _follow(connection, run_id, events)

    def truncate(self, run_id: int, after: int) -> None:
        """Forget everything recorded after step `after`; -1 forgets all. The run's step and stage move back."""
        with self._writer.begin() as connection:
            for table in (schema.steps, schema.frames, schema.marks, schema.logs):
                connection.execute(sa.delete(table).where(table.c.run_id == run_id, table.c.step > after))
            mark = schema.marks.c
            last = sa.select(mark.label).where(mark.run_id == run_id, mark.kind == "stage").order_by(mark.step.desc())
            values = {"step": max(after, 0), "stage": connection.scalar(last.limit(1))}
            connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run_id).values(values))

    # Requests

    def request(self, run_id: int, command: Command, args: dict[str, Any] | None = None) -> None:
        """Leave a command for the worker of the run."""
        self.get_run(run_id)
        with self._writer.begin() as connection:
            values = {"run_id": run_id, "command": command, "args": args or {}}
            connection.execute(sa.insert(schema.requests).values(values))

    def pop_commands(self, run_id: int) -> list[Request]:
        """The commands left since the last call, oldest first, each given once."""
        table = schema.requests
        waiting = sa.select(table.c.id, table.c.command, table.c.args).where(table.c.run_id == run_id)
        with self._reader.connect() as connection:
            if connection.execute(waiting.limit(1)).first() is None:
                return []
        with self._writer.begin() as connection:
            rows = connection.execute(waiting.order_by(table.c.id)).all()
            if rows:
                taken = sa.delete(table).where(table.c.run_id == run_id, table.c.id <= rows[-1].id)
                connection.execute(taken)
        return [Request(row.command, row.args) for row in rows]

    # Reading back

    def steps(self, run_id: int, after: int = 0, limit: int | None = None) -> dict[str, np.ndarray]:
        """Columns step (int64), loss, metric, lr, sparsity, relative_bops (float64, NaN: none) of steps > `after`."""
        column = schema.steps.c
        query = sa.select(*(column[name] for name in _STEP_COLUMNS)).where(column.run_id == run_id, column.step > after)
        with self._reader.connect() as connection:
            rows = connection.execute(query.order_by(column.step).limit(limit)).all()
        values = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(len(rows), len(_STEP_COLUMNS))
        columns = {name: np.ascontiguousarray(values[:, index]) for index, name in enumerate(_STEP_COLUMNS)}
        return {**columns, "step": columns["step"].astype(np.int64)}

    def frames(self, run_id: int, kind: str, after: int = -1) -> list[SnapshotEvent]:
        """The frames of a kind at steps > `after`, in order."""
        column = schema.frames.c
        query = sa.select(schema.frames).where(column.run_id == run_id, column.kind == kind, column.step > after)
        with self._reader.connect() as connection:
            return [_frame(row) for row in connection.execute(query.order_by(column.step))]

    def frame_at(self, run_id: int, kind: str, step: int | None = None) -> SnapshotEvent | None:
        """The last frame of a kind at or before `step` (the newest where None), or None before the first."""
        column = schema.frames.c
        query = sa.select(schema.frames).where(column.run_id == run_id, column.kind == kind)
        if step is not None:
            query = query.where(column.step <= step)
        with self._reader.connect() as connection:
            row = connection.execute(query.order_by(column.step.desc()).limit(1)).first()
        return None if row is None else _frame(row)

    def marks(self, run_id: int) -> list[MarkerEvent]:
        """Stage and period marks in order of their steps."""
        column = schema.marks.c
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

    def status(self, run_id: int, after_step: int = 0) -> RunStatus:
        """Where the run stands, and whether there are steps past `after_step`."""
        run, log = schema.runs.c, schema.logs.c
        last_log = sa.select(sa.func.max(log.id)).where(log.run_id == run_id).scalar_subquery()
        query = sa.select(
            run.status, run.heartbeat, run.stage, run.step, run.steps, run.error, last_log.label("log_id")
        )
        with self._reader.connect() as connection:
            row = connection.execute(query.where(run.id == run_id)).first()
        if row is None:
            raise InputError(f"run {run_id} is not in this store: `geta runs` lists the runs there are")
        status = _status(row.status, row.heartbeat)
        return RunStatus(status, row.stage, row.step, row.steps, row.log_id or 0, row.error, row.step > after_step)


def _expect_one(count: int, run_id: int) -> None:
    if count != 1:
        raise InputError(f"run {run_id} is not in this store: `geta runs` lists the runs there are")


def _status(stored: Status, heartbeat: float | None) -> Status:
    silent = heartbeat is not None and time.time() - heartbeat > DEAD_AFTER
    return "dead" if silent and stored in ("queued", "running", "paused") else stored


def _record(row: Row[Any]) -> RunRecord:
    fields = dict(row._mapping)
    return RunRecord(**{**fields, "status": _status(fields["status"], fields["heartbeat"])})


def _frame(row: Row[Any]) -> SnapshotEvent:
    values = np.frombuffer(row.data, dtype="<f4").reshape(row.rows, row.columns)
    return SnapshotEvent(row.step, row.kind, values.astype(np.float32))


def _insert_steps(connection: Connection, run_id: int, events: Sequence[StepEvent]) -> None:
    rows = [{"run_id": run_id, **{name: getattr(event, name) for name in _STEP_COLUMNS}} for event in events]
    if rows:
        connection.execute(sa.insert(schema.steps), rows)


def _insert_frames(connection: Connection, run_id: int, events: Sequence[SnapshotEvent]) -> None:
    newest = {(event.kind, event.step): event for event in events}
    rows = [_frame_row(run_id, event) for event in newest.values()]
    _replace(connection, schema.frames, ("kind", "step"), rows)


def _frame_row(run_id: int, event: SnapshotEvent) -> dict[str, Any]:
    values = np.ascontiguousarray(event.values, dtype="<f4")
    if values.ndim != 2:
        raise ValueError(f"frame {event.kind!r} at step {event.step} has {values.ndim} dimensions, not 2")
    shape = {"rows": values.shape[0], "columns": values.shape[1]}
    return {"run_id": run_id, "kind": event.kind, "step": event.step, **shape, "data": values.tobytes()}


def _insert_marks(connection: Connection, run_id: int, events: Sequence[MarkerEvent]) -> None:
    newest = {(event.step, event.kind, event.label) for event in events}
    rows = [{"run_id": run_id, "step": step, "kind": kind, "label": label} for step, kind, label in sorted(newest)]
    _replace(connection, schema.marks, ("step", "kind", "label"), rows)


def _replace(connection: Connection, table: sa.Table, keys: Iterable[str], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    same = [table.c[key] == sa.bindparam(f"old_{key}") for key in ("run_id", *keys)]
    old = [{f"old_{key}": row[key] for key in ("run_id", *keys)} for row in rows]
    connection.execute(sa.delete(table).where(*same), old)
    connection.execute(sa.insert(table), rows)


def _insert_logs(connection: Connection, run_id: int, events: Sequence[LogEvent]) -> None:
    now = time.time()
    rows = [{"run_id": run_id, "step": e.step, "level": e.level, "text": e.text, "time": now} for e in events]
    if rows:
        connection.execute(sa.insert(schema.logs), rows)


def _follow(connection: Connection, run_id: int, events: Sequence[Event]) -> None:
    values: dict[str, Any] = {"heartbeat": time.time()}
    for event in events:
        if isinstance(event, StepEvent):
            values["step"] = event.step
        elif isinstance(event, MarkerEvent) and event.kind == "stage":
            values["stage"] = event.label
        elif isinstance(event, ResultEvent):
            values["summary"] = event.summary
    connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run_id).values(values))
