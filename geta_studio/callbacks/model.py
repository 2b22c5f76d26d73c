"""Which model and run are on screen: the address, the two selectors, uploads, and the analysis behind them."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from geta_studio import ids
from geta_studio.navigation import Shown, newest_active, on_choice, on_open, parse, run_number, selection_of
from geta_studio.services import Services
from geta_studio.views.status import ACTIVE, model_summary, run_label


def register(app: Dash, services: Services) -> None:
    """Wire the selectors, the address and the analysis."""

    @app.callback(
        Output(ids.MODEL_SELECT, "value"),
        Output(ids.MODEL_SELECT, "data"),
        Output(ids.RUN_SELECT, "value"),
        Output(ids.RUN_SELECT, "data"),
        Output(ids.RUN_ID, "data"),
        Input(ids.URL, "search"),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.RUN_SELECT, "value"),
        Input(ids.UPLOADED, "data"),
    )
    def navigate(search: str, model: str | None, run: str | None, uploaded: dict[str, str] | None) -> tuple[Any, ...]:
        if ctx.triggered_id == ids.UPLOADED and uploaded:
            return _selectors(services, Shown(uploaded["model"], None))
        return _selectors(services, _shown(services, ctx.triggered_id, search, model, run))

    @app.callback(
        Output(ids.RUN_SELECT, "data", allow_duplicate=True),
        Input(ids.RUNS_POLL, "n_intervals"),
        State(ids.RUN_SELECT, "data"),
        prevent_initial_call=True,
    )
    def refresh_runs(_: int, known: list[dict[str, str]]) -> Any:
        options = run_options(services)
        return no_update if options == known else options

    @app.callback(
        Output(ids.SELECTION, "data", allow_duplicate=True),
        Input(ids.URL, "search"),
        prevent_initial_call="initial_duplicate",
    )
    def select_named(search: str) -> Any:
        return selection_of(parse(search)) or no_update

    @app.callback(
        Output(ids.MODEL_KEY, "data"),
        Output(ids.MODEL_SUMMARY, "children"),
        Output(ids.MODEL_STATUS, "children"),
        Output(ids.MODEL_STATUS, "className"),
        Output(ids.MODEL_POLL, "disabled"),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.MODEL_POLL, "n_intervals"),
        State(ids.MODEL_KEY, "data"),
    )
    def follow_analysis(model: str | None, _: int, shown: str | None) -> tuple[Any, ...]:
        return analysis_outputs(services, model, shown)

    app.clientside_callback(
        "(id) => window.geta.attachUpload(id)", Output(ids.MODEL_UPLOAD, "title"), Input(ids.MODEL_UPLOAD, "id")
    )
    app.clientside_callback(
        "(...state) => window.geta.writeAddress(...state)",
        Output(ids.ADDRESS, "data"),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.RUN_ID, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.GRAPH_OVERLAY, "value"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )


def run_options(services: Services) -> list[dict[str, str]]:
    """Choices of the run selector, newest first."""
    return [{"value": str(run.id), "label": run_label(run.id, run.status, run.step, run.steps)} for run in services.runs()]


def analysis_outputs(services: Services, model: str | None, shown: str | None) -> tuple[Any, ...]:
    """(model key, summary, status text, its class, poll off): a model that fails leaves the one on screen as it is."""
    if model is None:
        return no_update, no_update, "", "model-status", False
    state = services.prepare(model)
    if state.state != "ready":
        return no_update, no_update, state.text, f"model-status {state.state}", state.state == "failed"
    key = no_update if model == shown else model
    return key, model_summary(services.analysis(model)), "", "model-status", True


def _shown(services: Services, changed: str | None, search: str, model: str | None, run: str | None) -> Shown:
    runs = services.runs()
    models = {record.id: services.library.key_of(record) for record in runs}
    if model is None or changed in (None, ids.URL):
        active = newest_active(runs, lambda status: status in ACTIVE)
        return on_open(parse(search), models, services.first_model, active)
    return on_choice("run" if changed == ids.RUN_SELECT else "model", model, run_number(run), models)


def _selectors(services: Services, shown: Shown) -> tuple[Any, ...]:
    models = services.models()
    if shown.model not in {option["value"] for option in models}:
        models = [{"value": shown.model, "label": services.library.label(shown.model)}, *models]
    run = None if shown.run is None else str(shown.run)
    return shown.model, models, run, run_options(services), shown.run
