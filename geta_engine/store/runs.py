"""The runs: what they are, where they stand, and who may start a worker."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from geta_engine.config import RunConfig
from geta_engine.documents.runs import DEAD_AFTER, RunHead, RunRecord, RunStatus, RunSummary, Status
from geta_engine.errors import InputError
from geta_engine.store import schema
from geta_engine.store.database import Database

_HEAD = [schema.runs.c[field.name] for field in fields(RunHead)]


class RunTable(Database):
    """Runs by their ids, which count from 1 and are never reused."""

    def create_run(self, config: RunConfig, spec: str, name: str, launcher: str = "local") -> int:
        """A new run in status "queued", whose workers `launcher` starts; returns its id."""
        values = {
            "name": name[:200],
            "created": time.time(),
            "spec": spec,
            "config": config.model_dump(mode="json"),
            "status": "queued",
            "step": 0,
            "steps": config.schedule.total,
            "summary": {},
            "launcher": launcher,
        }
        with self._writer.begin() as connection:
            return connection.execute(sa.insert(schema.runs).values(values).returning(schema.runs.c.id)).scalar_one()

    def has_run(self, run_id: int) -> bool:
        with self._reader.connect() as connection:
            return _has_run(connection, run_id)

    def get_run(self, run_id: int) -> RunRecord:
        """A run with its documents. Raises InputError where there is no such run."""
        with self._reader.connect() as connection:
            row = connection.execute(sa.select(schema.runs).where(schema.runs.c.id == run_id)).first()
        if row is None:
            raise _unknown(run_id)
        return _record(row)

    def list_runs(self, only: Collection[int] | None = None) -> list[RunRecord]:
        """All runs with their documents, newest first; of those in `only`, where it is given."""
        query = sa.select(schema.runs).order_by(schema.runs.c.id.desc())
        query = query if only is None else query.where(schema.runs.c.id.in_(only))
        with self._reader.connect() as connection:
            return [_record(row) for row in connection.execute(query)]

    def list_heads(self) -> list[RunHead]:
        """All runs without their documents, newest first; quick whatever their models are."""
        query = sa.select(*_HEAD).order_by(schema.runs.c.id.desc())
        with self._reader.connect() as connection:
            return [RunHead(**_head(row)) for row in connection.execute(query)]

    def run_status(self, run_id: int) -> RunStatus:
        """Where the run stands. Raises InputError where there is no such run."""
        run, snapshot = schema.runs.c, schema.snapshots.c
        newest = sa.select(sa.func.max(snapshot.step)).where(snapshot.run_id == run_id, snapshot.kind == "units")
        query = sa.select(
            run.status, run.heartbeat, run.stage, run.step, run.steps, run.error, newest.scalar_subquery()
        )
        with self._reader.connect() as connection:
            row = connection.execute(query.where(run.id == run_id)).first()
        if row is None:
            raise _unknown(run_id)
        stored, heartbeat, stage, step, steps, error, snapshot_step = row
        return RunStatus(_status(stored, heartbeat), stage, step, steps, snapshot_step, error)

    def delete_run(self, run_id: int) -> None:
        """Remove a run and all its rows; the caller sees to it that no worker is on it.

        Raises InputError where there is no such run.
        """
        with self._writer.begin() as connection:
            _expect_one(connection.execute(sa.delete(schema.runs).where(schema.runs.c.id == run_id)).rowcount, run_id)

    def set_status(
        self,
        run_id: int,
        status: Status,
        *,
        stage: str | None = None,
        error: str | None = None,
        summary: RunSummary | None = None,
        pid: int | None = None,
    ) -> None:
        """Set the status, and with it `error` (None clears it); stage, summary and pid change only where given.

        Counts as a heartbeat. "dead" is never stored: it follows from the heartbeat. Raises InputError where there is
        no such run.
        """
        values: dict[str, Any] = {"status": status, "error": error, "heartbeat": time.time()}
        given = {"stage": stage, "summary": summary, "pid": pid}
        values.update({key: value for key, value in given.items() if value is not None})
        self._update(run_id, values)

    def change_status(self, previous: RunHead, status: Status) -> bool:
        """Set the status of a run that no worker is on, unless somebody has touched it since `previous` was read.

        One conditional update: of several callers that read the same, one wins (True). Commands that were left for
        the last worker are dropped with it. Counts as a heartbeat.
        """
        run, command = schema.runs.c, schema.commands.c
        stored = ("queued", "running", "paused") if previous.status == "dead" else (previous.status,)
        untouched = run.status.in_(stored), run.heartbeat.is_not_distinct_from(previous.heartbeat)
        values = {"status": status, "error": None, "heartbeat": time.time()}
        with self._writer.begin() as connection:
            update = sa.update(schema.runs).where(run.id == previous.id, *untouched).values(values)
            won = connection.execute(update).rowcount == 1
            if won:
                connection.execute(sa.delete(schema.commands).where(command.run_id == previous.id))
        return won

    def heartbeat(self, run_id: int) -> None:
        """A worker is on the run. Raises InputError where there is no such run."""
        self._update(run_id, {"heartbeat": time.time()})

    def _update(self, run_id: int, values: dict[str, Any]) -> None:
        with self._writer.begin() as connection:
            update = sa.update(schema.runs).where(schema.runs.c.id == run_id).values(values)
            _expect_one(connection.execute(update).rowcount, run_id)


def require_run(connection: Connection, run_id: int) -> None:
    """Raises InputError where there is no such run."""
    if not _has_run(connection, run_id):
        raise _unknown(run_id)


def _has_run(connection: Connection, run_id: int) -> bool:
    return bool(connection.scalar(sa.select(sa.exists().where(schema.runs.c.id == run_id))))


def _expect_one(count: int, run_id: int) -> None:
    if count != 1:
        raise _unknown(run_id)


def _unknown(run_id: int) -> InputError:
    return InputError(f"run {run_id} is not in this store: `geta runs` lists the runs there are")


def _status(stored: Status, heartbeat: float | None) -> Status:
    silent = heartbeat is not None and time.time() - heartbeat > DEAD_AFTER
    return "dead" if silent and stored in ("queued", "running", "paused") else stored


def _head(row: Row[Any]) -> dict[str, Any]:
    fields = dict(row._mapping)
    return {**fields, "status": _status(fields["status"], fields["heartbeat"])}


def _record(row: Row[Any]) -> RunRecord:
    fields = _head(row)
    return RunRecord(**{**fields, "config": RunConfig.model_validate(fields["config"])})
