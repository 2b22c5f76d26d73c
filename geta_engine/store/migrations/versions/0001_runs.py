"""Runs with their steps, frames, marks, logs and requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _run_id() -> sa.Column[int]:
    return sa.Column("run_id", sa.Integer, nullable=False)


def _of_run(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=f"fk_{table}_run_id_runs", ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(32)),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("pid", sa.Integer),
        sa.Column("heartbeat", sa.Float),
        sa.Column("error", sa.Text),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "steps",
        _run_id(),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("loss", sa.Float),
        sa.Column("metric", sa.Float),
        sa.Column("lr", sa.Float),
        sa.Column("sparsity", sa.Float),
        sa.Column("relative_bops", sa.Float),
        sa.PrimaryKeyConstraint("run_id", "step", name="pk_steps"),
        _of_run("steps"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "frames",
        _run_id(),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("columns", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "kind", "step", name="pk_frames"),
        _of_run("frames"),
    )
    op.create_table(
        "marks",
        _run_id(),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "step", "kind", "label", name="pk_marks"),
        _of_run("marks"),
    )
    op.create_table(
        "logs",
        sa.Column("id", sa.Integer, nullable=False),
        _run_id(),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_logs"),
        _of_run("logs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_logs_run_id_id", "logs", ["run_id", "id"])
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer, nullable=False),
        _run_id(),
        sa.Column("command", sa.String(16), nullable=False),
        sa.Column("args", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        _of_run("requests"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_requests_run_id_id", "requests", ["run_id", "id"])


def downgrade() -> None:
    for table in ("requests", "logs", "marks", "frames", "steps", "runs"):
        op.drop_table(table)
