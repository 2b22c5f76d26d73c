"""The Runs page: list, open, resume, delete."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from geta_engine.documents.commands import Resume
from geta_studio.runs_page import ids
from geta_studio.runs_page.grid import RunRow, confirm_text, disabled_actions, run_row, runs_grid
from geta_studio.services.services import Services
from geta_studio.shell import ids as shared

PATH = "/runs"


def register(app: Dash, services: Services) -> None:
    """Wire the table and its three actions."""

    @app.callback(
        Output(ids.RUNS_TABLE, "children"),
        Input(shared.URL, "pathname"),
        State(ids.RUNS_TABLE, "children"),
        prevent_initial_call=True,
    )
    def mount_grid(path: str, grid: Any) -> Any:
        return runs_grid() if path == PATH and not grid else no_update

    @app.callback(
        Output(ids.RUNS_GRID, "rowData"),
        Input(shared.RUNS_VERSION, "data"),
        Input(shared.URL, "pathname"),
        Input(ids.RUNS_CONFIRM, "opened"),
    )
    def refresh(_: str | None, path: str, __: bool) -> Any:
        return rows_now(services) if path == PATH else no_update

    @app.callback(
        Output(ids.RUNS_OPEN, "disabled"),
        Output(ids.RUNS_RESUME, "disabled"),
        Output(ids.RUNS_DELETE, "disabled"),
        Input(ids.RUNS_GRID, "selectedRows"),
        Input(ids.RUNS_GRID, "rowData"),
    )
    def allow(selected: list[RunRow] | None, rows: list[RunRow] | None) -> tuple[bool, bool, bool]:
        return disabled_actions(selected, rows)

    @app.callback(
        Output(shared.URL, "pathname"),
        Output(shared.RUN_SELECT, "value", allow_duplicate=True),
        Input(ids.RUNS_OPEN, "n_clicks"),
        Input(ids.RUNS_GRID, "cellDoubleClicked"),
        State(ids.RUNS_GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    def open_run(_: Any, clicked: Any, selected: list[RunRow] | None) -> tuple[Any, Any]:
        return ("/", selected[0]["id"]) if selected else (no_update, no_update)

    @app.callback(
        Output(ids.RUNS_GRID, "rowData", allow_duplicate=True),
        Input(ids.RUNS_RESUME, "n_clicks"),
        State(ids.RUNS_GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    def resume(_: Any, selected: list[RunRow]) -> list[RunRow]:
        services.runs.send(selected[0]["run"], Resume())
        return rows_now(services)

    @app.callback(
        Output(ids.RUNS_CONFIRM, "opened"),
        Output(ids.RUNS_CONFIRM_TEXT, "children"),
        Output(ids.RUNS_GRID, "selectedRows"),
        Input(ids.RUNS_DELETE, "n_clicks"),
        Input(ids.RUNS_DELETE_NOW, "n_clicks"),
        Input(ids.RUNS_DELETE_CANCEL, "n_clicks"),
        State(ids.RUNS_GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    def delete(_: Any, __: Any, ___: Any, selected: list[RunRow]) -> tuple[Any, ...]:
        return asked_to_delete(services, ctx.triggered_id, selected)


def rows_now(services: Services) -> list[RunRow]:
    """The rows of all runs, newest first."""
    return [run_row(report) for report in services.runs.reports()]


def asked_to_delete(services: Services, button: str | None, selected: list[RunRow]) -> tuple[Any, ...]:
    """(question open, its text, selected rows) after Delete…, Delete or Keep it."""
    if button == ids.RUNS_DELETE and selected:
        return True, confirm_text(selected[0]), no_update
    if button == ids.RUNS_DELETE_NOW and selected:
        services.runs.delete(selected[0]["run"])
        return False, no_update, []
    return False, no_update, no_update
