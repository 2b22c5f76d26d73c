"""The launcher of a run, stages by their ids, and tables by the names of what they hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_STAGE_IDS = {"warm-up": "warmup", "cool-down": "cooldown"}
"""What was stored of a stage -> its id; the other stages were stored by their ids."""
_TABLES = {"frames": "snapshots", "marks": "markers", "requests": "commands"}
_COLUMNS = {"command": "name", "args": "fields"}


def upgrade() -> None:
    op.add_column("runs", sa.Column("launcher", sa.String(32), nullable=False, server_default="local"))
    _rename_stages(_STAGE_IDS)
    op.drop_index("ix_requests_run_id_id", "requests")
    for old, new in _TABLES.items():
        op.rename_table(old, new)
    for old, new in _COLUMNS.items():
        op.execute(f"ALTER TABLE commands RENAME COLUMN {old} TO {new}")
    op.create_index("ix_commands_run_id_id", "commands", ["run_id", "id"])


def _rename_stages(names: dict[str, str]) -> None:
    runs = sa.table("runs", sa.column("stage", sa.String))
    marks = sa.table("marks", sa.column("kind", sa.String), sa.column("label", sa.String))
    for old, new in names.items():
        op.execute(sa.update(runs).where(runs.c.stage == old).values(stage=new))
        op.execute(sa.update(marks).where(marks.c.kind == "stage", marks.c.label == old).values(label=new))
