"""Opening and migrating, several processes at once included."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from geta_engine.config import RunConfig
from geta_engine.documents.commands import Step, Stop
from geta_engine.errors import InputError
from geta_engine.runs.report import run_report
from geta_engine.store import Store, database, schema

MIGRATIONS = Path(database.__file__).parent / "migrations"

WRITER = """
import sys
from geta_engine.config import RunConfig
from geta_engine.documents.commands import Pause
from geta_engine.documents.events import StepEvent
from geta_engine.store import Store
sys.stdin.readline()
store = Store(sys.argv[1])
run = store.create_run(RunConfig(model="mlp"), "mlp", "x")
for n in range(1, 41):
    store.append(run, [StepEvent(n, 1.0, None, 0.1, 0.0, 1.0)])
    store.send_command(run, Pause())
    assert len(store.pop_commands(run)) == 1
"""


def test_processes_that_open_and_write_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/geta.db"
    command = [sys.executable, "-c", WRITER, url]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    errors = [writer.communicate(timeout=60)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, errors
    store = Store(url)
    assert [(run.step, len(store.steps(run.id)["step"])) for run in store.list_runs()] == [(40, 40)] * 4


def test_a_reader_is_not_kept_waiting_by_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/geta.db"
    store = Store(url)
    run = store.create_run(RunConfig(model="mlp"), "mlp", "x")
    with database.open_engine(url).execution_options(writes=True).begin() as connection:
        connection.execute(sa.update(schema.runs).values(step=9))
        assert store.get_run(run).step == 0
    assert store.get_run(run).step == 9


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    engine = database.open_engine(f"sqlite:///{tmp_path}/geta.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.REVISION
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == schema.REVISION


def test_a_store_of_the_first_revision_is_brought_forward(tmp_path: Path) -> None:
    """`geta_0001.sql` is the dump of a store that an earlier version made: a whole run, and a paused one."""
    with closing(sqlite3.connect(tmp_path / "geta.db")) as connection:
        connection.executescript((Path(__file__).parent / "geta_0001.sql").read_text())
    store = Store(f"sqlite:///{tmp_path}/geta.db")
    paused, done = store.list_runs()
    assert (done.status, done.stage, done.step, done.launcher) == ("done", "cooldown", 30, "local")
    assert done.summary["zero_units"] == done.summary["k_target"] == 76
    stages = [(marker.step, marker.label) for marker in store.markers(done.id) if marker.kind == "stage"]
    assert stages == [(0, "warmup"), (6, "projection"), (14, "joint"), (22, "cooldown")]
    assert store.steps(done.id)["step"].tolist() == list(range(1, 31))
    assert [snapshot.values.shape for snapshot in store.snapshots(done.id, "units")] == [(192, 2)] * 2
    assert (paused.stage, store.pop_commands(paused.id)) == ("warmup", [Step(3), Stop()])
    assert run_report(done)["config"]["sparsity"] == 0.4


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/geta.db")
    sa.event.listen(engine, "connect", database._prepare_sqlite)
    sa.event.listen(engine, "begin", database._begin_sqlite)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE logs (id INTEGER)")
    with pytest.raises(InputError, match="cannot be opened"):
        database.open_engine(f"sqlite:///{tmp_path}/geta.db")
    assert sa.inspect(engine).get_table_names() == ["logs"]


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/geta.db"
    with database.open_engine(url).execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InputError, match=r"revision '9999'.*update geta-studio"):
        Store(url)


@pytest.mark.parametrize("url", ["geta.db", "/tmp/geta.db", "sqlite://", "sqlite:///:memory:", "nosuch://x/y", ""])
def test_what_cannot_hold_runs_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(InputError, match=r"give sqlite:///PATH/geta\.db"):
        Store(url)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes\n" * 100)
    with pytest.raises(InputError, match="cannot be opened"):
        Store(f"sqlite:///{path}")
    assert path.read_text() == "these are my notes\n" * 100


def test_the_store_needs_no_torch() -> None:
    names = ("store", "runs.control", "analysis.jobs", "runs.workspace", "runs.report", "cli")
    modules = ", ".join(f"geta_engine.{name}" for name in names)
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
