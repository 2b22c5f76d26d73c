"""Launching a run and steering the one on screen."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from geta_engine.documents.commands import Command, Pause, Resume, Step, Stop
from geta_studio.header.page_state import run_options
from geta_studio.services.services import Services
from geta_studio.shell import ids

COMMANDS: dict[str, Command] = {ids.PAUSE: Pause(), ids.RESUME: Resume(), ids.STEP: Step(), ids.STOP: Stop()}


def register(app: Dash, services: Services) -> None:
    """Wire launch, pause, resume, step and stop."""

    @app.callback(
        Output(ids.RUN_SELECT, "data", allow_duplicate=True),
        Output(ids.RUN_SELECT, "value", allow_duplicate=True),
        Input(ids.LAUNCH, "n_clicks"),
        State(ids.CONFIG, "data"),
        running=[(Output(ids.LAUNCH, "className"), "primary busy", "primary")],
        prevent_initial_call=True,
    )
    def launch(_: int, fields: dict[str, Any] | None) -> tuple[Any, Any]:
        return launched(services, fields)

    @app.callback(
        Output(ids.LIVE, "data", allow_duplicate=True),
        [Input(button, "n_clicks") for button in COMMANDS],
        State(ids.RUN_ID, "data"),
        prevent_initial_call=True,
    )
    def command(*state: Any) -> Any:
        return commanded(services, ctx.triggered_id, state[-1])


def launched(services: Services, fields: dict[str, Any] | None) -> tuple[Any, Any]:
    """Start a run of the checked fields; returns the run selector's new choices and value."""
    if fields is None:
        return no_update, no_update
    run_id = services.runs.launch(fields)
    return run_options(services), str(run_id)


def commanded(services: Services, button: str | None, run_id: int | None) -> Any:
    """Send the command of a button to the run on screen; returns where it stands then."""
    if run_id is None or button not in COMMANDS:
        return no_update
    services.runs.send(run_id, COMMANDS[button])
    return services.runs.live_status(run_id)
