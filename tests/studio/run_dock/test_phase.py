"""What the dock and the Result tab show of a run and its status, and what the controls send, over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geta_engine.config import RunConfig
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace
from geta_studio.result.card import result_of_run
from geta_studio.run_dock.controls import send_command
from geta_studio.run_dock.phase import PhaseOutputs, phase_outputs
from geta_studio.run_dock.poll import TICK_ACTIVE_MS, TICK_IDLE_MS, tick_interval
from geta_studio.services.services import Services


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Workspace(f"sqlite:///{tmp_path}/geta.db"))
    yield services
    services.close()


@pytest.fixture
def run_id(services: Services) -> int:
    return services.store.create_run(RunConfig(model="mlp"), "mlp", "mlp")


def test_without_a_run_all_is_off(services: Services) -> None:
    off = PhaseOutputs(True, True, True, True, [], {}, None, "true")
    assert phase_outputs(services, None) == off
    assert phase_outputs(services, {"run": None, "status": None}) == off


def test_a_run_has_its_stages_and_the_controls_of_its_status(services: Services, run_id: int) -> None:
    on_screen = phase_outputs(services, {"run": run_id, "status": "paused"})
    assert (on_screen.pause_off, on_screen.resume_off, on_screen.step_off, on_screen.stop_off) == (
        True,
        False,
        False,
        False,
    )
    assert on_screen.empty_style == {"display": "none"}
    titles = [band.to_plotly_json()["props"]["title"] for band in on_screen.bands]
    assert titles[0] == "warm-up: steps 1 to 80" and len(titles) == 4


def test_a_compact_model_can_be_downloaded_once_it_is_there(services: Services, run_id: int) -> None:
    assert phase_outputs(services, {"run": run_id, "status": "queued"}).export_href is None
    services.workspace.create_artifacts(run_id)
    services.workspace.compact_file(run_id).write_bytes(b"small")
    services.store.set_status(run_id, "done")
    on_screen = phase_outputs(services, {"run": run_id, "status": "done"})
    assert (on_screen.export_href, on_screen.export_disabled) == (f"/api/runs/{run_id}/compact.pt2", "false")


def test_the_result_of_a_run_that_is_not_done_is_what_to_wait_for(services: Services, run_id: int) -> None:
    for run in (None, run_id):
        assert "No result yet" in str(result_of_run(services, run).to_plotly_json())


def test_only_buttons_with_a_run_send_something(services: Services, run_id: int) -> None:
    assert not send_command(services, "pause", None)
    assert not send_command(services, None, run_id)
    assert not send_command(services, "export", run_id)
    assert send_command(services, "stop", run_id)
    with pytest.raises(InputError, match="cannot take"):
        send_command(services, "step", run_id)


def test_ticks_are_quick_while_something_can_change(services: Services, run_id: int) -> None:
    assert tick_interval(services.runs.live_status(run_id)) == TICK_ACTIVE_MS
    services.store.set_status(run_id, "stopped")
    assert tick_interval(services.runs.live_status(run_id)) == TICK_IDLE_MS
    assert tick_interval(services.runs.live_status(None)) == TICK_IDLE_MS
