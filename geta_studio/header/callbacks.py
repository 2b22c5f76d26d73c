"""Which model and run are on screen: the address, the two selectors, uploads, and the analysis behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from geta_studio.header import ids
from geta_studio.header.model_status import Cause, ModelQuestion, UploadedModel, model_outputs
from geta_studio.header.page_state import Changed, selectors_after
from geta_studio.header.selection import check_run, compared_output, selection_outputs
from geta_studio.header.upload_deletion import deletion_outputs
from geta_studio.header.url import parse_address
from geta_studio.services.services import Services
from geta_studio.shell import ids as shared
from geta_studio.shell.run_words import Choice, run_choices
from geta_studio.shell.stores import Selection

CHANGED: dict[str | None, Changed] = {
    shared.URL: "address",
    shared.MODEL_SELECT: "model",
    shared.RUN_SELECT: "run",
}


def register(app: Dash, services: Services) -> None:
    """Wire the selectors, the address and the analysis."""
    _register_selectors(app, services)
    _register_analysis(app, services)
    _register_deletion(app, services)
    _register_address(app, services)


def _register_selectors(app: Dash, services: Services) -> None:
    @app.callback(
        Output(shared.MODEL_SELECT, "value"),
        Output(shared.MODEL_SELECT, "data"),
        Output(shared.RUN_SELECT, "value"),
        Output(shared.RUN_SELECT, "data"),
        Output(shared.RUN_ID, "data"),
        Output(ids.NAMED, "data"),
        Output(shared.SELECTION, "data", allow_duplicate=True),
        Output(shared.GRAPH_COMPARE, "data", allow_duplicate=True),
        Input(shared.URL, "search"),
        Input(shared.MODEL_SELECT, "value"),
        Input(shared.RUN_SELECT, "value"),
        State(shared.MODEL_KEY, "data"),
        prevent_initial_call=True,
    )
    def update_selectors(search: str, model: str | None, run: str | None, on_screen: str | None) -> tuple[Any, ...]:
        changed = CHANGED.get(ctx.triggered_id)
        selectors = selectors_after(services, changed, search, model, run)
        address = parse_address(search) if changed == "address" else None
        selection = selection_outputs(services, address, selectors.model == on_screen)
        return *selectors, *selection, compared_output(address)

    @app.callback(
        Output(shared.RUN_SELECT, "data", allow_duplicate=True),
        Input(shared.RUNS_VERSION, "data"),
        prevent_initial_call=True,
    )
    def update_run_choices(_: str) -> list[Choice]:
        return run_choices(services.runs.heads())


def cause_of(changed: Collection[str]) -> Cause:
    """What made the page ask, from the properties that changed: a choice lets go of the upload in the same moment."""
    if f"{shared.MODEL_SELECT}.value" in changed:
        return "model"
    return "upload" if f"{ids.UPLOADED}.data" in changed else "poll"


def _register_analysis(app: Dash, services: Services) -> None:
    @app.callback(
        Output(shared.MODEL_KEY, "data"),
        Output(ids.MODEL_SUMMARY, "children"),
        Output(ids.MODEL_STATUS, "children"),
        Output(ids.MODEL_STATUS, "className"),
        Output(ids.MODEL_POLL, "disabled"),
        Output(ids.UPLOADED, "data"),
        Output(shared.MODEL_SELECT, "value", allow_duplicate=True),
        Output(shared.MODEL_SELECT, "data", allow_duplicate=True),
        Output(shared.SELECTION, "data", allow_duplicate=True),
        Output(shared.GRAPH_COMPARE, "data", allow_duplicate=True),
        Input(shared.MODEL_SELECT, "value"),
        Input(ids.MODEL_POLL, "n_intervals"),
        Input(ids.UPLOADED, "data"),
        State(shared.MODEL_KEY, "data"),
        State(ids.NAMED, "data"),
        State(shared.GRAPH_COMPARE, "data"),
        prevent_initial_call=True,
    )
    async def poll_analysis(
        model: str | None,
        polls: int,
        uploaded: UploadedModel | None,
        on_screen: str | None,
        named: Selection | None,
        compared: str | None,
    ) -> tuple[Any, ...]:
        cause = cause_of({each["prop_id"] for each in ctx.triggered})
        key = uploaded["model"] if uploaded else None
        asked = ModelQuestion(cause, polls, model, key, on_screen, named, compared)
        return tuple(await asyncio.to_thread(model_outputs, services, asked))

    # At once, and before the next poll: its answer takes the place of the one to the choice where they overlap.
    app.clientside_callback(
        "(model, uploaded) => uploaded ? null : window.dash_clientside.no_update",
        Output(ids.UPLOADED, "data", allow_duplicate=True),
        Input(shared.MODEL_SELECT, "value"),
        State(ids.UPLOADED, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(ClientsideFunction("geta", "attachUpload"), Input(ids.MODEL_UPLOAD, "id"))


def _register_deletion(app: Dash, services: Services) -> None:
    app.clientside_callback(
        "(model) => ({ display: (model || '').startsWith('upload-') ? '' : 'none' })",
        Output(ids.MODEL_DELETE, "style"),
        Input(shared.MODEL_SELECT, "value"),
    )

    @app.callback(
        Output(ids.MODEL_CONFIRM, "opened"),
        Output(ids.MODEL_CONFIRM_TEXT, "children"),
        Output(shared.MODEL_SELECT, "value", allow_duplicate=True),
        Output(shared.MODEL_SELECT, "data", allow_duplicate=True),
        Input(ids.MODEL_DELETE, "n_clicks"),
        Input(ids.MODEL_DELETE_NOW, "n_clicks"),
        Input(ids.MODEL_DELETE_CANCEL, "n_clicks"),
        State(shared.MODEL_SELECT, "value"),
        State(shared.MODEL_KEY, "data"),
        prevent_initial_call=True,
    )
    async def delete_upload(
        _: int | None, __: int | None, ___: int | None, model: str, on_screen: str | None
    ) -> tuple[Any, ...]:
        return tuple(await asyncio.to_thread(deletion_outputs, services, ctx.triggered_id, model, on_screen))


def _register_address(app: Dash, services: Services) -> None:
    @app.callback(
        Output(shared.GRAPH_OVERLAY, "value", allow_duplicate=True),
        Output(shared.GRAPH_STAGE, "value", allow_duplicate=True),
        Input(shared.URL, "search"),
        prevent_initial_call=True,
    )
    def update_overlay_and_stage(search: str) -> tuple[Any, Any]:
        address = parse_address(search)
        return address.overlay or no_update, address.stage or no_update

    @app.callback(Input(shared.URL, "search"))
    def check_address(search: str) -> None:
        check_run(services, parse_address(search))

    app.clientside_callback(
        ClientsideFunction("geta", "writeAddress"),
        Input(shared.MODEL_SELECT, "value"),
        Input(shared.RUN_ID, "data"),
        Input(shared.SELECTION, "data"),
        Input(shared.GRAPH_OVERLAY, "value"),
        Input(shared.GRAPH_STAGE, "value"),
        Input(shared.GRAPH_COMPARE, "data"),
        Input(shared.URL, "pathname"),
        Input(shared.MODEL_KEY, "data"),
        State(ids.NAMED, "data"),
    )
