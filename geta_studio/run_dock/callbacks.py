"""Following the run on screen. A short callback asks what is new; figures are redrawn only when something is.

Nothing is kept in the server between calls, so a reload, a second tab and a restarted server all find the run again.
"""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from geta_engine.documents.runs import LiveStatus
from geta_studio.run_dock import ids
from geta_studio.run_dock.controls import COMMANDS, send_command
from geta_studio.run_dock.panel import figure_row
from geta_studio.run_dock.phase import phase_outputs
from geta_studio.run_dock.poll import poll_outputs
from geta_studio.run_dock.run_figures import bits_view, norms_choices, norms_view, scalars_view
from geta_studio.run_dock.status_line import run_message, status_text, step_text
from geta_studio.run_dock.timeline import cursor_style
from geta_studio.services.services import Services
from geta_studio.shell import ids as shared
from geta_studio.shell.stores import NewestSnapshot, RunPhase, Selection

FIGURES = (ids.LOSS_FIGURE, ids.NORMS_FIGURE, ids.BITS_FIGURE, ids.COST_FIGURE)
"""Each forgets its zoom when another run is opened."""


def register(app: Dash, services: Services) -> None:
    """Wire the status, the controls and the figures."""
    _register_status(app, services)
    _register_controls(app, services)
    _register_scalar_figures(app, services)
    _register_snapshot_figures(app, services)


def _register_status(app: Dash, services: Services) -> None:
    app.clientside_callback(
        "(ticks) => document.hidden ? window.dash_clientside.no_update : ticks",
        Output(ids.TICK_DUE, "data"),
        Input(ids.TICK, "n_intervals"),
    )

    @app.callback(
        Output(ids.LIVE, "data"),
        Output(ids.TICK, "interval"),
        Output(shared.RUNS_VERSION, "data"),
        Input(ids.TICK_DUE, "data"),
        Input(shared.RUN_ID, "data"),
        State(ids.LIVE, "data"),
        State(shared.RUNS_VERSION, "data"),
        running=[(Output(ids.TICK, "disabled"), True, False)],
    )
    def poll_runs(
        _: int | None, run_id: int | None, previous: LiveStatus | None, runs_version: str | None
    ) -> tuple[Any, ...]:
        return poll_outputs(services, run_id, previous, runs_version)

    for store, pick in ((shared.PHASE, "pickStatus"), (shared.SNAPSHOT, "pickSnapshot")):
        app.clientside_callback(
            ClientsideFunction("geta", pick),
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
    def update_status_line(live: LiveStatus | None) -> tuple[str, str, str, dict[str, str]]:
        return step_text(live), status_text(live), run_message(live), cursor_style(live)


def _register_controls(app: Dash, services: Services) -> None:
    @app.callback(
        *(Output(button, "disabled") for button in (ids.PAUSE, ids.RESUME, ids.STEP, ids.STOP)),
        Output(ids.TIMELINE_BANDS, "children"),
        Output(ids.DOCK_EMPTY, "style"),
        Output(ids.EXPORT, "href"),
        Output(ids.EXPORT, "aria-disabled"),
        Input(shared.PHASE, "data"),
    )
    def update_controls(phase: RunPhase | None) -> tuple[Any, ...]:
        return tuple(phase_outputs(services, phase))

    @app.callback(
        Output(ids.LIVE, "data", allow_duplicate=True),
        [Input(button, "n_clicks") for button in COMMANDS],
        State(shared.RUN_ID, "data"),
        prevent_initial_call=True,
    )
    def steer_run(*state: Any) -> Any:
        run_id = state[-1]
        return services.runs.live_status(run_id) if send_command(services, ctx.triggered_id, run_id) else no_update


def _register_scalar_figures(app: Dash, services: Services) -> None:
    @app.callback(Output(ids.DOCK_FIGURES, "children"), Input(shared.PAINTED, "data"), prevent_initial_call=True)
    def mount_figures(_: bool) -> list[Component]:
        return figure_row()

    @app.callback(
        Output(ids.LOSS_FIGURE, "figure"),
        Output(ids.COST_FIGURE, "figure"),
        Output(ids.LOSS_NOW, "children"),
        Output(ids.COST_NOW, "children"),
        Input(ids.LIVE, "data"),
        Input(shared.PROVIDER, "forceColorScheme"),
        Input(ids.LOSS_FIGURE, "relayoutData"),
        Input(ids.COST_FIGURE, "relayoutData"),
    )
    def draw_scalars(live: LiveStatus | None, scheme: str | None, loss_zoom: Any, cost_zoom: Any) -> tuple[Any, ...]:
        return scalars_view(services, live, scheme, loss_zoom, cost_zoom)

    app.clientside_callback(
        "() => [null, null, null, null]",
        [Output(figure, "relayoutData") for figure in FIGURES],
        Input(shared.RUN_ID, "data"),
        prevent_initial_call=True,
    )


def _register_snapshot_figures(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.NORMS_FIGURE, "figure"),
        Output(ids.NORMS_NOW, "children"),
        Input(shared.SNAPSHOT, "data"),
        Input(ids.NORMS_GROUP, "value"),
        Input(shared.PROVIDER, "forceColorScheme"),
        State(ids.NORMS_FIGURE, "relayoutData"),
    )
    def draw_norms(newest: NewestSnapshot | None, group: str, scheme: str | None, zoom: Any) -> tuple[Any, str]:
        return norms_view(services, newest, group, scheme, None if ctx.triggered_id == ids.NORMS_GROUP else zoom)

    @app.callback(
        Output(ids.BITS_FIGURE, "figure"),
        Output(ids.BITS_NOW, "children"),
        Input(shared.SNAPSHOT, "data"),
        Input(shared.SELECTION, "data"),
        Input(shared.PROVIDER, "forceColorScheme"),
        State(ids.BITS_FIGURE, "relayoutData"),
    )
    def draw_bits(
        newest: NewestSnapshot | None, selection: Selection | None, scheme: str | None, zoom: Any
    ) -> tuple[Any, str]:
        return bits_view(services, newest, selection, scheme, zoom)

    @app.callback(
        Output(ids.NORMS_GROUP, "data"),
        Output(ids.NORMS_GROUP, "value"),
        Input(shared.MODEL_KEY, "data"),
        Input(shared.SELECTION, "data"),
        State(ids.NORMS_GROUP, "value"),
    )
    def choose_group(model: str | None, selection: Selection | None, value: str) -> tuple[Any, str]:
        return norms_choices(services.analyses.get(model), selection, value)
