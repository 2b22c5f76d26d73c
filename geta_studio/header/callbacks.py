"""Which model and run are on screen: the address, the two selectors, uploads, and the analysis behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from geta_engine.errors import InputError
from geta_studio.graph.compare_callbacks import choices
from geta_studio.header.page_state import named_selection, navigated, run_options
from geta_studio.header.url import Place, names_nothing, parse
from geta_studio.run_dock.status import model_summary
from geta_studio.services.services import Services
from geta_studio.shell import ids

CHANGED = {ids.URL: "address", ids.MODEL_SELECT: "model", ids.RUN_SELECT: "run"}


def register(app: Dash, services: Services) -> None:
    """Wire the selectors, the address and the analysis."""

    @app.callback(
        Output(ids.MODEL_SELECT, "value"),
        Output(ids.MODEL_SELECT, "data"),
        Output(ids.RUN_SELECT, "value"),
        Output(ids.RUN_SELECT, "data"),
        Output(ids.RUN_ID, "data"),
        Output(ids.NAMED, "data"),
        Output(ids.SELECTION, "data", allow_duplicate=True),
        Output(ids.GRAPH_COMPARE, "data", allow_duplicate=True),
        Input(ids.URL, "search"),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.RUN_SELECT, "value"),
        State(ids.MODEL_KEY, "data"),
        prevent_initial_call=True,
    )
    def navigate(search: str, model: str | None, run: str | None, shown: str | None) -> tuple[Any, ...]:
        changed = CHANGED.get(ctx.triggered_id)
        screen = navigated(services, changed, search, model, run)
        named = parse(search) if changed == "address" else None
        return *screen, *selections(services, named, screen.model == shown), beside_named(named)

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
        Output(ids.GRAPH_OVERLAY, "value", allow_duplicate=True),
        Output(ids.GRAPH_STAGE, "value", allow_duplicate=True),
        Input(ids.URL, "search"),
        prevent_initial_call="initial_duplicate",
    )
    def show_named(search: str) -> tuple[Any, Any]:
        return named_outputs(services, parse(search))

    @app.callback(
        Output(ids.MODEL_KEY, "data"),
        Output(ids.MODEL_SUMMARY, "children"),
        Output(ids.MODEL_STATUS, "children"),
        Output(ids.MODEL_STATUS, "className"),
        Output(ids.MODEL_POLL, "disabled"),
        Output(ids.UPLOADED, "data"),
        Output(ids.MODEL_SELECT, "value", allow_duplicate=True),
        Output(ids.SELECTION, "data", allow_duplicate=True),
        Output(ids.GRAPH_COMPARE, "data", allow_duplicate=True),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.MODEL_POLL, "n_intervals"),
        Input(ids.UPLOADED, "data"),
        State(ids.MODEL_KEY, "data"),
        State(ids.NAMED, "data"),
        State(ids.GRAPH_COMPARE, "data"),
        prevent_initial_call=True,
    )
    def follow_analysis(model: str | None, _: int, uploaded: dict[str, str] | None, *screen: Any) -> Any:
        if uploaded:
            return tuple(upload_outputs(services, uploaded["model"]))
        return tuple(analysis_outputs(services, model, *screen))

    app.clientside_callback(
        ClientsideFunction("geta", "attachUpload"), Output(ids.MODEL_UPLOAD, "title"), Input(ids.MODEL_UPLOAD, "id")
    )
    app.clientside_callback(
        ClientsideFunction("geta", "writeAddress"),
        Output(ids.ADDRESS, "data"),
        Input(ids.MODEL_SELECT, "value"),
        Input(ids.RUN_ID, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.GRAPH_OVERLAY, "value"),
        Input(ids.GRAPH_STAGE, "value"),
        Input(ids.GRAPH_COMPARE, "data"),
        Input(ids.URL, "pathname"),
        Input(ids.MODEL_KEY, "data"),
        State(ids.NAMED, "data"),
    )


def selections(services: Services, place: Place | None, on_screen: bool) -> tuple[Any, Any]:
    """(what is selected once the model asked for is on screen, what is selected now), after an address that names a
    place, or after a choice in the header (None). What is on screen keeps its selection until another model appears."""
    if place is None:
        return None, no_update
    if names_nothing(place) and place.select is None:
        return no_update, no_update
    named = named_selection(services, place)
    return named, named if on_screen else no_update


def beside_named(place: Place | None) -> Any:
    """What stands beside after an address that names a place ("": nothing); a choice in the header (None) leaves it."""
    if place is None or (names_nothing(place) and place.beside is None):
        return no_update
    return place.beside or ""


def named_outputs(services: Services, place: Place) -> tuple[Any, Any]:
    """(overlay, stage) that an address names. Raises InputError where it names a run that is not there."""
    if place.run is not None and not services.runs.has_run(place.run):
        raise InputError(f"run {place.run} is not in this store: see Runs for those that are, or launch one")
    return place.overlay or no_update, place.stage or no_update


class Follow(NamedTuple):
    """What following an analysis changes on the page."""

    key: Any = no_update
    summary: Any = no_update
    text: str = ""
    style: str = "model-status"
    poll_off: bool = False
    uploaded: Any = no_update
    chosen: Any = no_update
    selection: Any = no_update
    beside: Any = no_update


def analysis_outputs(
    services: Services, model: str | None, shown: str | None, named: Mapping[str, Any] | None, beside: str | None
) -> Follow:
    """Follow the analysis of the chosen model: when it appears, what was selected goes, and what the address that led
    to it names is selected; what cannot stand beside it goes too. One that fails leaves all on screen as it is."""
    if model is None:
        return Follow()
    state = services.analyses.ensure_analysis(model)
    if state.state != "ready":
        return Follow(text=state.text, style=f"model-status {state.state}", poll_off=state.state == "failed")
    follow = Follow(summary=model_summary(services.analyses.get(model)), poll_off=True)
    if model == shown:
        return follow
    stays = not beside or beside in choices(services, model)
    return follow._replace(key=model, selection=named, beside=no_update if stays else "")


def upload_outputs(services: Services, key: str) -> Follow:
    """Follow the analysis of an upload: it is chosen when it is ready, and dropped with a sentence when it fails."""
    state = services.analyses.ensure_analysis(key)
    if state.state == "ready":
        return Follow(uploaded=None, chosen=key)
    if state.state == "failed":
        services.analyses.discard(key)
        return Follow(text=state.text, style="model-status failed", poll_off=True, uploaded=None)
    return Follow(text=state.text, style="model-status working")
