"""The store against real SQLite files."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from geta_engine.config import RunConfig, Schedule
from geta_engine.documents.commands import Command, Pause, Resume, Step, Stop, from_json, to_json
from geta_engine.documents.events import LogEvent, MarkerEvent, ResultEvent, StepEvent
from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.errors import InputError
from geta_engine.store import Store

CONFIG = RunConfig(
    model="mlp", schedule=Schedule(warmup=2, projection=4, projection_periods=2, joint=4, joint_periods=2)
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path}/geta.db")


@pytest.fixture
def run(store: Store) -> int:
    return store.create_run(CONFIG, "mlp", "first")


def step(number: int, loss: float = 1.0, metric: float | None = None) -> StepEvent:
    return StepEvent(number, loss, metric, lr=0.1, sparsity=0.25, relative_bops=0.5)


def test_a_new_run_is_queued_with_its_config(store: Store, run: int) -> None:
    record = store.get_run(run)
    assert (record.status, record.step, record.steps, record.stage) == ("queued", 0, CONFIG.schedule.total, None)
    assert record.config == CONFIG
    assert (record.name, record.spec, record.summary, record.heartbeat) == ("first", "mlp", {}, None)


def test_runs_are_listed_newest_first_and_ids_are_not_reused(store: Store, run: int) -> None:
    second = store.create_run(CONFIG, "mlp", "second")
    assert [record.id for record in store.list_runs()] == [second, run]
    store.delete_run(second)
    assert store.create_run(CONFIG, "mlp", "third") == second + 1


def test_an_unknown_run_is_a_sentence(store: Store) -> None:
    for call in (
        store.get_run,
        store.heartbeat,
        store.delete_run,
        store.run_status,
        lambda run: store.send_command(run, Stop()),
        lambda run: store.set_status(run, "running"),
    ):
        with pytest.raises(InputError, match="run 7 is not in this store"):
            call(7)


def test_steps_come_back_as_columns_after_the_last_one_known(store: Store, run: int) -> None:
    store.append(run, [step(1, 3.0), step(2, float("nan"), 0.5), step(3, 1.0)])
    columns = store.steps(run, after=1)
    assert columns["step"].tolist() == [2, 3] and columns["step"].dtype == np.int64
    np.testing.assert_array_equal(columns["loss"], [np.nan, 1.0])
    np.testing.assert_array_equal(columns["metric"], [0.5, np.nan])
    assert store.steps(run, limit=1)["step"].tolist() == [1]
    assert store.steps(run, after=3)["loss"].shape == (0,)


def test_snapshots_keep_shape_and_values(store: Store, run: int) -> None:
    values = np.random.default_rng(0).normal(size=(5, 4))
    store.append(run, [SnapshotEvent(2, "quantizers", values), SnapshotEvent(4, "quantizers", values[:0])])
    first, second = store.snapshots(run, "quantizers")
    assert first.values.dtype == np.float32
    np.testing.assert_array_equal(first.values, values.astype(np.float32))
    assert second.values.shape == (0, 4)
    assert list(store.snapshots(run, "units")) == []
    assert [snapshot.step for snapshot in store.snapshots(run, "quantizers", after=2)] == [4]


def test_the_snapshot_at_a_step_is_the_last_one_not_after_it(store: Store, run: int) -> None:
    store.append(run, [SnapshotEvent(n, "gamma", np.full((1, 1), n)) for n in (0, 5, 10)])
    on_screen = [store.snapshot_at(run, "gamma", step) for step in (0, 4, 5, 9, 99, None)]
    assert [snapshot and snapshot.step for snapshot in on_screen] == [0, 0, 5, 5, 10, 10]
    assert store.snapshot_at(run, "units", 5) is None


def test_a_snapshot_or_marker_given_again_is_replaced(store: Store, run: int) -> None:
    for value in (1, 2):
        store.append(run, [SnapshotEvent(3, "gamma", np.full((1, 2), value)), MarkerEvent(3, "stage", "joint")])
    assert [snapshot.values.tolist() for snapshot in store.snapshots(run, "gamma")] == [[[2.0, 2.0]]]
    assert store.markers(run) == [MarkerEvent(3, "stage", "joint")]


def test_a_snapshot_that_is_not_a_matrix_is_refused(store: Store, run: int) -> None:
    with pytest.raises(ValueError, match="1 dimensions"):
        store.append(run, [SnapshotEvent(1, "gamma", np.zeros(3))])


def test_the_run_follows_its_events(store: Store, run: int) -> None:
    store.append(run, [MarkerEvent(0, "stage", "warmup"), step(1), step(2), MarkerEvent(2, "period", "1")])
    record = store.get_run(run)
    assert (record.step, record.stage) == (2, "warmup")
    store.append(run, [ResultEvent({"k_target": 8})])
    assert store.get_run(run).summary == {"k_target": 8}


def test_a_batch_is_written_whole_or_not_at_all(store: Store, run: int) -> None:
    store.append(run, [step(1)])
    with pytest.raises(IntegrityError):
        store.append(run, [step(2), LogEvent(2, "info", "x"), step(1)])
    assert store.steps(run)["step"].tolist() == [1]
    assert store.logs(run) == [] and store.get_run(run).step == 1


def test_logs_are_asked_for_after_an_id(store: Store, run: int) -> None:
    store.append(run, [LogEvent(1, "info", "a"), LogEvent(1, "warning", "b")])
    first, second = store.logs(run)
    assert (first.text, second.text, second.level) == ("a", "b", "warning")
    assert store.logs(run, after_id=first.id) == [second]


def test_commands_are_given_once_in_order_and_only_to_their_run(store: Store, run: int) -> None:
    other = store.create_run(CONFIG, "mlp", "other")
    store.send_command(run, Pause())
    store.send_command(other, Stop())
    store.send_command(run, Step(3))
    assert store.pop_commands(run) == [Pause(), Step(3)]
    assert store.pop_commands(run) == []
    assert store.pop_commands(other) == [Stop()]


@pytest.mark.parametrize("command", [Pause(), Resume(), Stop(), Step(), Step(7)])
def test_a_command_survives_its_way_through_json(command: Command) -> None:
    name, fields = json.loads(json.dumps(to_json(command)))
    assert from_json(name, fields) == command


@pytest.mark.parametrize(("name", "fields"), [("jump", {}), ("pause", {"count": 2}), ("step", {"count": 0})])
def test_what_is_no_command_is_refused(name: str, fields: dict[str, int]) -> None:
    with pytest.raises(InputError):
        from_json(name, fields)


def test_truncate_goes_back_to_a_step(store: Store, run: int) -> None:
    for n, stage in enumerate(("warmup", "projection", "joint")):
        at = 10 * n
        events = [
            MarkerEvent(at, "stage", stage),
            SnapshotEvent(at, "gamma", np.ones((1, 1))),
            LogEvent(at, "info", stage),
        ]
        store.append(run, [*events, step(at + 1), step(at + 10)])
    store.truncate(run, after=10)
    record = store.get_run(run)
    assert (record.step, record.stage) == (10, "projection")
    assert store.steps(run)["step"].tolist() == [1, 10]
    assert [snapshot.step for snapshot in store.snapshots(run, "gamma")] == [0, 10]
    assert [marker.label for marker in store.markers(run)] == ["warmup", "projection"]
    assert [line.text for line in store.logs(run)] == ["warmup", "projection"]
    store.truncate(run, after=-1)
    assert (store.get_run(run).step, store.get_run(run).stage, store.markers(run)) == (0, None, [])


def test_set_status_clears_the_error_and_keeps_what_is_not_given(store: Store, run: int) -> None:
    store.set_status(run, "failed", error="a loss of nan", stage="joint", summary={"k_target": 1}, pid=12)
    store.set_status(run, "running")
    record = store.get_run(run)
    assert (record.status, record.error, record.stage, record.summary, record.pid) == (
        "running",
        None,
        "joint",
        {"k_target": 1},
        12,
    )


@pytest.mark.parametrize("status", ["queued", "running", "paused", "stopped", "done", "failed"])
def test_only_a_silent_worker_is_dead(store: Store, run: int, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.set_status(run, status)
    now = store.get_run(run).heartbeat
    assert now is not None and store.get_run(run).status == status
    monkeypatch.setattr("geta_engine.store.runs.time.time", lambda: now + 14.9)
    assert store.get_run(run).status == status
    monkeypatch.setattr("geta_engine.store.runs.time.time", lambda: now + 15.1)
    expected = "dead" if status in ("queued", "running", "paused") else status
    assert store.get_run(run).status == store.run_status(run).status == store.list_runs()[0].status == expected
    store.heartbeat(run)
    assert store.get_run(run).status == status


def statements(store: Store, call: Callable[[], object]) -> list[str]:
    """The SQL that a call sends to the database."""
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    sa.event.listen(store._reader, "before_cursor_execute", note)
    try:
        call()
    finally:
        sa.event.remove(store._reader, "before_cursor_execute", note)
    return sent


def test_the_status_names_the_newest_snapshot_and_reads_none(store: Store, run: int) -> None:
    assert store.run_status(run).snapshot_step is None
    units = [SnapshotEvent(n, "units", np.ones((3, 2))) for n in (2, 4)]
    store.append(
        run, [MarkerEvent(0, "stage", "warmup"), step(1), step(5), *units, SnapshotEvent(5, "gamma", units[0].values)]
    )
    status = store.run_status(run)
    assert (status.status, status.stage, status.step, status.snapshot_step) == ("queued", "warmup", 5, 4)
    sent = statements(store, lambda: store.run_status(run))
    assert sent and not any(column in statement for statement in sent for column in ("data", "config", "summary"))


def test_to_ask_for_a_run_or_for_all_heads_reads_no_documents(store: Store, run: int) -> None:
    assert store.has_run(run) and not store.has_run(run + 1)
    (head,) = store.list_heads()
    assert all(getattr(head, field.name) == getattr(store.get_run(run), field.name) for field in fields(head))
    sent = [*statements(store, lambda: store.has_run(run)), *statements(store, store.list_heads)]
    assert any("EXISTS" in statement for statement in sent) and not any(
        column in statement for statement in sent for column in ("config", "summary")
    )


def test_of_many_that_change_a_status_at_once_one_wins(tmp_path: Path, run: int, store: Store) -> None:
    store.set_status(run, "stopped")
    store.send_command(run, Pause())
    previous = store.get_run(run)
    others = [Store(store.url) for _ in range(8)]
    together, won = threading.Barrier(len(others)), []

    def change(other: Store) -> None:
        together.wait()
        won.append(other.change_status(previous, "queued"))

    threads = [threading.Thread(target=change, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    assert store.get_run(run).status == "queued" and store.pop_commands(run) == []


def test_a_status_is_not_changed_once_a_worker_was_heard_of(store: Store, run: int) -> None:
    new = store.get_run(run)
    store.heartbeat(run)
    store.send_command(run, Pause())
    assert not store.change_status(new, "queued")
    assert store.pop_commands(run) == [Pause()]


def test_deleting_a_run_deletes_its_rows(store: Store, run: int) -> None:
    store.append(run, [step(1), SnapshotEvent(1, "gamma", np.ones((1, 1))), MarkerEvent(0, "stage", "a")])
    store.append(run, [LogEvent(1, "info", "x")])
    store.send_command(run, Stop())
    store.delete_run(run)
    assert len(store.steps(run)["step"]) == 0 and store.pop_commands(run) == []
    assert list(store.snapshots(run, "gamma")) == [] and store.markers(run) == [] and store.logs(run) == []
    with pytest.raises(IntegrityError):
        store.append(run, [step(1)])


def test_names_of_models_are_data(store: Store) -> None:
    name = "x'); DROP TABLE runs; --<script>"
    run = store.create_run(CONFIG, name, name)
    assert (store.get_run(run).name, store.get_run(run).spec, len(store.list_runs())) == (name, name, 1)
