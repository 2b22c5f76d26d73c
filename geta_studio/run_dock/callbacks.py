"""Following the run on screen. A short callback asks what is new; figures are redrawn only when something is.

Nothing is kept in the server between calls, so a reload, a second tab and a restarted server all find the run again.
"""

from __future__ import annotations

from typing import Any, TypedDict

from dash import Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from geta_engine.documents.runs import LiveStatus, Status
from geta_studio.run_dock.run_figures import NewestSnapshot, bits_view, norms_options, norms_view, scalars_view
from geta_studio.run_dock.status import (
    ACTIVE,
    bands,
    controls,
    cursor_style,
    result_card,
    run_message,
    status_text,
    step_text,
)
from geta_studio.services.services import Services
from geta_studio.shell import ids
from geta_studio.shell.frame import empty_style, figures

TICK_ACTIVE, TICK_IDLE = 250, 1500
FIGURES = (ids.LOSS_FIGURE, ids.NORMS_FIGURE, ids.BITS_FIGURE, ids.COST_FIGURE)
"""Each forgets its zoom when another run is opened."""


class Phase(TypedDict):
    """What the `phase` store of the page holds: the run on screen and its status."""

    run: int | None
    status: Status | None


def register(app: Dash, services: Services) -> None:
    """Wire the poll, the figures, the words and the controls."""

    app.clientside_callback(
        "(ticks) => document.hidden ? window.dash_clientside.no_update : ticks",
        Output(ids.TICK_DUE, "data"),
        Input(ids.TICK, "n_intervals"),
    )

    @app.callback(
        Output(ids.LIVE, "data"),
        Output(ids.TICK, "interval"),
        Output(ids.RUNS_VERSION, "data"),
        Input(ids.TICK_DUE, "data"),
        Input(ids.RUN_ID, "data"),
        State(ids.LIVE, "data"),
        State(ids.RUNS_VERSION, "data"),
        running=[(Output(ids.TICK, "disabled"), True, False)],
    )
    def poll_runs(_: int, run_id: int | None, live: LiveStatus | None, version: str | None) -> tuple[Any, ...]:
        return polled(services, run_id, live, version)

    @app.callback(Output(ids.DOCK_FIGURES, "children"), Input(ids.PAINTED, "data"), prevent_initial_call=True)
    def mount_figures(_: bool) -> list[Component]:
        return figures()

    for store, picked in ((ids.PHASE, "status"), (ids.SNAPSHOT, "snapshot")):
        app.clientside_callback(
            f"(live, previous) => window.geta.pick(live, previous, '{picked}')",
            Output(store, "data"),
            Input(ids.LIVE, "data"),
            State(store, "data"),
        )

    @app.callback(
        Output(ids.RUN_STEP, "children"),
        Output(ids.RUN_STATUS, "children"),
        Output(ids.RUN_MESSAGE, "children"),
        Output(ids.TIMELINE_CURSOR, "style"),
        Input(ids.LIVE, "data"),
    )
    def update_status_line(live: LiveStatus | None) -> tuple[Any, ...]:
        return step_text(live), status_text(live), run_message(live), cursor_style(live)

    @app.callback(
        [Output(button, "disabled") for button in (ids.PAUSE, ids.RESUME, ids.STEP, ids.STOP)],
        Output(ids.TIMELINE_BANDS, "children"),
        Output(ids.DOCK_EMPTY, "style"),
        Output(ids.RESULT, "children"),
        Output(ids.EXPORT, "href"),
        Output(ids.EXPORT, "aria-disabled"),
        Input(ids.PHASE, "data"),
    )
    def update_phase(phase: Phase | None) -> tuple[Any, ...]:
        return phase_outputs(services, phase)

    @app.callback(
        Output(ids.LOSS_FIGURE, "figure"),
        Output(ids.COST_FIGURE, "figure"),
        Output(ids.LOSS_NOW, "children"),
        Output(ids.COST_NOW, "children"),
        Input(ids.LIVE, "data"),
        Input(ids.PROVIDER, "forceColorScheme"),
        Input(ids.LOSS_FIGURE, "relayoutData"),
        Input(ids.COST_FIGURE, "relayoutData"),
    )
    def draw_scalars(live: LiveStatus | None, scheme: str, loss_zoom: Any, cost_zoom: Any) -> tuple[Any, ...]:
        return scalars_view(services, live, scheme, loss_zoom, cost_zoom)

    @app.callback(
        Output(ids.NORMS_FIGURE, "figure"),
        Output(ids.NORMS_NOW, "children"),
        Input(ids.SNAPSHOT, "data"),
        Input(ids.NORMS_GROUP, "value"),
        Input(ids.PROVIDER, "forceColorScheme"),
        State(ids.NORMS_FIGURE, "relayoutData"),
    )
    def draw_norms(newest: NewestSnapshot | None, group: str, scheme: str, zoom: Any) -> tuple[Any, ...]:
        return norms_view(services, newest, group, scheme, None if ctx.triggered_id == ids.NORMS_GROUP else zoom)

    @app.callback(
        Output(ids.BITS_FIGURE, "figure"),
        Output(ids.BITS_NOW, "children"),
        Input(ids.SNAPSHOT, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.PROVIDER, "forceColorScheme"),
        State(ids.BITS_FIGURE, "relayoutData"),
    )
    def draw_bits(newest: NewestSnapshot | None, selection: Any, scheme: str, zoom: Any) -> tuple[Any, ...]:
        return bits_view(services, newest, selection, scheme, zoom)

    app.clientside_callback(
        "() => [null, null, null, null]",
        [Output(figure, "relayoutData") for figure in FIGURES],
        Input(ids.RUN_ID, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.NORMS_GROUP, "data"),
        Output(ids.NORMS_GROUP, "value"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.SELECTION, "data"),
        State(ids.NORMS_GROUP, "value"),
    )
    def choose_group(model: str | None, selection: Any, value: str) -> tuple[Any, str]:
        return norms_options(services.analyses.get(model), selection, value)


def polled(services: Services, run_id: int | None, live: LiveStatus | None, version: str | None) -> tuple[Any, ...]:
    """(live status, interval of the tick in ms, version of the list of runs), each where it differs from what the page
    has: the one question that a page asks again and again."""
    status, newest = services.runs.live_status(run_id), services.runs.version()
    changed = (no_update, no_update) if status == live else (status, tick_interval(status))
    return *changed, no_update if newest == version else newest


def tick_interval(live: LiveStatus) -> int:
    """How often to ask, in ms: often while something can change."""
    return TICK_ACTIVE if live["status"] in ACTIVE else TICK_IDLE


def phase_outputs(services: Services, phase: Phase | None) -> tuple[Any, ...]:
    """Everything that changes with the status alone: controls off, timeline, empty state, result, download."""
    if not phase or phase["run"] is None:
        return True, True, True, True, [], empty_style(False), result_card(None), None, "true"
    run = services.runs.get(phase["run"])
    stages = run.config.schedule.stages()
    done = services.runs.compact_file(run.id) is not None
    href = f"/api/runs/{run.id}/compact.pt2" if done else None
    off = [not usable for usable in controls(phase["status"])]
    card = result_card(run.summary if phase["status"] == "done" else None, f"compact-{run.id}" if done else None)
    return *off, bands(stages), empty_style(True), card, href, "false" if done else "true"
