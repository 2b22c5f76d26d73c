"""Which model and run are on screen: the address, the two selectors, uploads, and the analysis behind them."""

from __future__ import annotations

from typing import Any, NamedTuple

from dash import Dash, Input, Output, State, ctx, no_update

from geta_engine.errors import InputError
from geta_studio import ids
from geta_studio.navigation import Place, parse, selection_of
from geta_studio.screens import navigated, run_options
from geta_studio.services import Services
from geta_studio.views.status import model_summary

CHANGED = {ids.URL: "address", ids.MODEL_SELECT: "model", ids.RUN_SELECT: "run"}


def register(app: Dash, services: Services) -> None:
    """Wire the selectors, the address and the analysis."""

    @app.callback(
        Output(ids.MODEL_SELECT, "value"),
        Output(ids.MODEL_SELECT, "data"),
        Output(ids.RUN_SELECT, "value"),
        Output(ids.RUN_SELECT, "data"),
        Output(ids.RUN_ID, "data"),
        Output(ids.SELECTION, "data", allow_duplicate=True),
        Input(ids.URL, "search"),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.RUN_SELECT, "value"),
        State(ids.MODEL_KEY, "data"),
        prevent_initial_call=True,
    )
    def navigate(search: str, model: str | None, run: str | None, shown: str | None) -> tuple[Any, ...]:
        changed = CHANGED.get(ctx.triggered_id)
        screen = navigated(services, changed, search, model, run)
        return *screen, None if lets_go(changed, screen.model, shown) else no_update

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
        Output(ids.GRAPH_OVERLAY, "value", allow_duplicate=True),
        Output(ids.GRAPH_STAGE, "value", allow_duplicate=True),
        Input(ids.URL, "search"),
        prevent_initial_call="initial_duplicate",
    )
    def show_named(search: str) -> tuple[Any, Any, Any]:
        return named_outputs(services, parse(search))

    @app.callback(
        Output(ids.MODEL_KEY, "data"),
        Output(ids.MODEL_SUMMARY, "children"),
        Output(ids.MODEL_STATUS, "children"),
        Output(ids.MODEL_STATUS, "className"),
        Output(ids.MODEL_POLL, "disabled"),
        Output(ids.UPLOADED, "data"),
        Output(ids.MODEL_SELECT, "value", allow_duplicate=True),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.MODEL_POLL, "n_intervals"),
        Input(ids.UPLOADED, "data"),
        State(ids.MODEL_KEY, "data"),
        prevent_initial_call=True,
    )
    def follow_analysis(model: str | None, _: int, uploaded: dict[str, str] | None, shown: str | None) -> Any:
        if uploaded:
            return tuple(upload_outputs(services, uploaded["model"]))
        return tuple(analysis_outputs(services, model, shown))

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
        Input(ids.GRAPH_STAGE, "value"),
        Input(ids.URL, "pathname"),
    )


def lets_go(changed: str | None, model: str, shown: str | None) -> bool:
    """Whether what is selected is of a model that a choice in the header takes off the screen."""
    return changed in ("model", "run") and shown not in (None, model)


def named_outputs(services: Services, place: Place) -> tuple[Any, Any, Any]:
    """(selection, overlay, stage) that an address names. Raises InputError where it names a run that is not there."""
    if place.run is not None and not services.has_run(place.run):
        raise InputError(f"run {place.run} is not in this store: see Runs for those that are, or launch one")
    return selection_of(place) or no_update, place.overlay or no_update, place.stage or no_update


class Follow(NamedTuple):
    """What following an analysis changes on the page."""

    key: Any = no_update
    summary: Any = no_update
    text: str = ""
    style: str = "model-status"
    poll_off: bool = False
    uploaded: Any = no_update
    selected: Any = no_update


def analysis_outputs(services: Services, model: str | None, shown: str | None) -> Follow:
    """Follow the analysis of the selected model; one that fails leaves the graph on screen as it is."""
    if model is None:
        return Follow()
    state = services.prepare(model)
    if state.state != "ready":
        return Follow(text=state.text, style=f"model-status {state.state}", poll_off=state.state == "failed")
    key = no_update if model == shown else model
    return Follow(key, model_summary(services.analysis(model)), poll_off=True)


def upload_outputs(services: Services, key: str) -> Follow:
    """Follow the analysis of an upload: it is selected when it is ready, and dropped with a sentence when it fails."""
    state = services.prepare(key)
    if state.state == "ready":
        return Follow(uploaded=None, selected=key)
    if state.state == "failed":
        services.discard(key)
        return Follow(text=state.text, style="model-status failed", poll_off=True, uploaded=None)
    return Follow(text=state.text, style="model-status working")
