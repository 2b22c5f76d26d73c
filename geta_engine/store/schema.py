"""The tables. A change here needs a new file in migrations/versions and the new `REVISION`."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

REVISION = "0002"
"""The migration that makes exactly these tables."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _run_id(primary_key: bool = False) -> Column[int]:
    return Column("run_id", Integer, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)


runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Column("spec", Text, nullable=False),
    Column("config", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(32)),
    Column("step", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("pid", Integer),
    Column("heartbeat", Float),
    Column("error", Text),
    Column("summary", JSON, nullable=False),
    Column("launcher", String(32), nullable=False, server_default="local"),
    sqlite_autoincrement=True,
)

steps = Table(
    "steps",
    metadata,
    _run_id(primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("loss", Float),
    Column("metric", Float),
    Column("lr", Float),
    Column("sparsity", Float),
    Column("relative_bops", Float),
    sqlite_with_rowid=False,
)

snapshots = Table(
    "snapshots",
    metadata,
    _run_id(primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

markers = Table(
    "markers",
    metadata,
    _run_id(primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("label", String(200), primary_key=True),
)

logs = Table(
    "logs",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_id(),
    Column("step", Integer, nullable=False),
    Column("level", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("time", Float, nullable=False),
    Index(None, "run_id", "id"),
    sqlite_autoincrement=True,
)

commands = Table(
    "commands",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_id(),
    Column("name", String(16), nullable=False),
    Column("fields", JSON, nullable=False),
    Index(None, "run_id", "id"),
    sqlite_autoincrement=True,
)
