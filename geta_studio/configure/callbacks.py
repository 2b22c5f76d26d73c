"""The Configure tab: every edit leads to one check, and the check to what is shown and whether Launch is on."""

from __future__ import annotations

from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx

from geta_studio.configure.bits_grid import bits_rows
from geta_studio.configure.form_state import (
    FIELD_IDS,
    VALUE_IDS,
    Edit,
    draft_of,
    edited_bits,
    grid_bounds,
    shown,
    yaml_download,
    yaml_values,
)
from geta_studio.services.services import Services
from geta_studio.shell import ids


def register(app: Dash, services: Services) -> None:
    """Wire the grid, the fields, the check and the YAML file."""
    _register_bits(app, services)
    _register_check(app, services)
    _register_yaml(app, services)


def _register_bits(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.BITS, "data"),
        Output(ids.BITS_LOWER, "value"),
        Output(ids.BITS_UPPER, "value"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.BITS_GRID, "cellValueChanged"),
        Input(ids.BITS_LOWER, "value"),
        Input(ids.BITS_UPPER, "value"),
        Input({"preset": ALL}, "n_clicks"),
        Input(ids.YAML_LOADED, "data"),
        State(ids.BITS_GRID, "selectedRows"),
        State(ids.BITS, "data"),
    )
    def edit_bits(model: Any, cells: Any, lower: Any, upper: Any, _: Any, loaded: Any, rows: Any, bits: Any) -> Any:
        edit = Edit(ctx.triggered_id, model, cells, lower, upper, loaded, [row["id"] for row in rows or []])
        return tuple(edited_bits(edit, bits, services.analyses.get(model)))

    @app.callback(Output(ids.BITS_GRID, "rowData"), Input(ids.BITS, "data"), Input(ids.MODEL_KEY, "data"))
    def fill_grid(bits: dict[str, Any] | None, _: str | None) -> list[dict[str, Any]]:
        analysis = services.analyses.get((bits or {}).get("model"))
        return bits_rows(analysis, grid_bounds(analysis, bits))

    app.clientside_callback(
        "(rows) => rows && rows.length ? `bits for the ${rows.length} selected` : 'bits for all layers'",
        Output(ids.BITS_SCOPE, "children"),
        Input(ids.BITS_GRID, "selectedRows"),
    )


def _register_check(app: Dash, services: Services) -> None:
    app.clientside_callback(
        ClientsideFunction("geta", "linked"),
        Output(ids.SPARSITY, "value"),
        Output(ids.SPARSITY_INPUT, "value"),
        Input(ids.SPARSITY, "value"),
        Input(ids.SPARSITY_INPUT, "value"),
        prevent_initial_call=True,
    )

    @app.callback(
        output={
            "config": Output(ids.CONFIG, "data"),
            "errors": Output(ids.CONFIG_ERRORS, "children"),
            "launch_off": Output(ids.LAUNCH, "disabled"),
            "caption": Output(ids.SPARSITY_CAPTION, "children"),
            "estimate": Output(ids.ESTIMATE, "children"),
            "schedule": Output(ids.SCHEDULE_BAR, "children"),
            "bits_problem": Output(ids.BITS_PROBLEM, "children"),
            "schedule_problem": Output(ids.SCHEDULE_PROBLEM, "children"),
            "fields": {name: Output(identity, "error") for name, identity in FIELD_IDS.items()},
        },
        inputs={
            "bits": Input(ids.BITS, "data"),
            "lower": Input(ids.BITS_LOWER, "value"),
            "upper": Input(ids.BITS_UPPER, "value"),
            "model": Input(ids.MODEL_KEY, "data"),
            "values": {name: Input(identity, "value") for name, identity in VALUE_IDS.items()},
        },
    )
    def check_draft(bits: Any, lower: Any, upper: Any, model: Any, values: dict[str, Any]) -> dict[str, Any]:
        return shown(services, draft_of(bits, values), (lower, upper))


def _register_yaml(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.YAML_DOWNLOAD, "data"),
        Input(ids.YAML_SAVE, "n_clicks"),
        State(ids.CONFIG, "data"),
        prevent_initial_call=True,
    )
    def save(_: int, fields: dict[str, Any] | None) -> Any:
        return yaml_download(services, fields)

    @app.callback(
        output={
            name: Output(identity, "value", allow_duplicate=True)
            for name, identity in {**VALUE_IDS, "model": ids.MODEL_SELECT}.items()
        },
        inputs={"loaded": Input(ids.YAML_LOADED, "data")},
        prevent_initial_call=True,
    )
    def load(loaded: dict[str, Any] | None) -> dict[str, Any]:
        return yaml_values(loaded)

    app.clientside_callback(
        ClientsideFunction("geta", "attachYaml"), Output(ids.YAML_FILE, "title"), Input(ids.YAML_FILE, "id")
    )
