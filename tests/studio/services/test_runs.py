"""The runs as the studio sees them, over a real store; what a tick may read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from dash import no_update

from geta_engine.config import RunConfig
from geta_engine.documents.events import MarkerEvent, StepEvent
from geta_engine.documents.runs import DEAD_AFTER
from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.runs.workspace import Workspace
from geta_studio.run_dock.poll import poll_outputs
from geta_studio.runs_page.callbacks import rows_now
from geta_studio.services.runs import NO_RUN
from geta_studio.services.services import Services
from geta_studio.shell.run_words import run_choices


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Workspace(f"sqlite:///{tmp_path}/geta.db"))
    yield services
    services.close()


def made(services: Services, model: str = "mlp") -> int:
    return services.store.create_run(RunConfig(model=model), model, model)


def columns_read(services: Services, call: Callable[[], object]) -> set[str]:
    """The columns with something large in them that a call reads."""
    read: set[str] = set()

    def note(_: object, __: object, statement: str, *___: object) -> None:
        head = statement.partition("FROM")[0]
        read.update(name for name in ("config", "summary", "data") if f".{name}" in head)

    sa.event.listen(services.store._reader, "before_cursor_execute", note)
    try:
        call()
    finally:
        sa.event.remove(services.store._reader, "before_cursor_execute", note)
    return read


def test_the_live_status_says_where_a_run_stands(services: Services) -> None:
    run = made(services)
    services.store.set_status(run, "running")
    events = [MarkerEvent(0, "stage", "warmup"), StepEvent(1, 1.0, None, 0.1, 0.0, 1.0)]
    services.store.append(run, [*events, SnapshotEvent(1, "units", np.zeros((3, 2)))])
    live = services.runs.live_status(run)
    assert (live["run"], live["status"], live["stage"], live["step"]) == (run, "running", "warmup", 1)
    assert (live["steps"], live["snapshot"], live["error"]) == (RunConfig(model="mlp").schedule.total, 1, None)
    assert services.runs.live_status(None) == services.runs.live_status(run + 1) == NO_RUN


def test_a_tick_reads_no_snapshot_and_no_document(services: Services) -> None:
    run = made(services)
    services.store.append(run, [SnapshotEvent(1, "units", np.zeros((3, 2)))])
    record = services.runs.get(run)
    for call in (
        lambda: services.runs.live_status(run),
        lambda: services.runs.has_run(run),
        lambda: services.runs.version(),
        lambda: services.runs.source_run("compact-99"),
        lambda: services.runs.comparable_runs(record),
        lambda: services.runs.runs_with_compact_model("mlp"),
        lambda: run_choices(services.runs.heads()),
    ):
        assert columns_read(services, call) == set()
    assert columns_read(services, lambda: services.runs.get(run)) == {"config", "summary"}


def test_the_version_changes_with_the_list_and_not_with_a_heartbeat(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geta_studio.services.runs.VERSION_SECONDS", 0.0)
    seen = [services.runs.version()]
    run = made(services)
    for change in (
        lambda: None,
        lambda: services.store.set_status(run, "running"),
        lambda: services.store.append(run, [StepEvent(1, 1.0, None, 0.1, 0.0, 1.0)]),
        lambda: services.store.set_status(run, "failed", error="no"),
        lambda: services.store.delete_run(run),
    ):
        change()
        seen.append(services.runs.version())
        if services.store.has_run(run):
            services.store.heartbeat(run)
        assert services.runs.version() == seen[-1]
    assert len(set(seen[:-1])) == len(seen) - 1 and seen[-1] == seen[0]


def test_tabs_that_ask_at_once_share_a_version(services: Services) -> None:
    first = poll_outputs(services, None, None, None)
    assert first[0] == NO_RUN and first[2] == services.runs.version()
    assert poll_outputs(services, None, NO_RUN, first[2]) == (no_update, no_update, no_update)
    asked: list[str] = []
    sa.event.listen(services.store._reader, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert [services.runs.version() for _ in range(10)] == [first[2]] * 10
    assert len(asked) <= 2


def test_the_table_reads_again_only_what_was_touched(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = made(services), made(services, "lenet")
    services.store.set_status(first, "running")
    assert [row["model"] for row in rows_now(services)] == ["lenet", "mlp"]
    assert columns_read(services, lambda: rows_now(services)) == set()
    summary = services.store.get_run(first).summary
    summary["relative_bops"] = 0.25
    services.store.set_status(first, "running", summary=summary)
    assert [row["relative_bops"] for row in rows_now(services)] == [None, 0.25]
    beat = services.store.get_run(first).heartbeat
    assert beat is not None
    monkeypatch.setattr("geta_engine.store.runs.time.time", lambda: beat + DEAD_AFTER + 1)
    assert [row["state"] for row in rows_now(services)] == ["queued", "dead"]
    services.store.delete_run(second)
    assert [row["run"] for row in rows_now(services)] == [first]


def test_the_table_opens_no_file_of_an_upload_that_no_run_has(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        part = tmp_path / "part"
        part.write_bytes(b"x")
        services.library.add(part, f"{number:064x}", f"net{number}.pt2")
    path = services.workspace.models / f"{1:064x}.pt2"
    for _ in range(4):
        services.store.create_run(RunConfig(model=str(path)), str(path), "net1")
    made(services)
    opened: list[str] = []
    read_text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, *a, **k: (opened.append(path.name), read_text(path, *a, **k))[1]
    )
    assert [row["model"] for row in rows_now(services)] == ["mlp", *["net1.pt2"] * 4]
    assert set(opened) == {f"{1:064x}.name"}


def test_a_report_for_the_browser_has_no_path_of_the_workspace(services: Services) -> None:
    path = services.workspace.models / f"{1:064x}.pt2"
    run = services.store.create_run(RunConfig(model=str(path)), str(path), "net")
    services.store.set_status(run, "failed", error=f"cannot read {path}")
    assert str(services.workspace.root) not in str(services.runs.report(run))
