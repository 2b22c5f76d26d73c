"""The Configure tab: every edit leads to one check, and the check to what is shown and whether Launch is on."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from geta_engine.config import make_config
from geta_studio import ids
from geta_studio.drafting import (
    FIELD_IDS,
    SCHEDULE_IDS,
    Edit,
    checked_outputs,
    draft_of,
    edited_bits,
    field_values,
    grid_update,
    yaml_values,
)
from geta_studio.services import Services
from geta_studio.views.configure import scope_text


def register(app: Dash, services: Services) -> None:
    """Wire the grid, the fields, the check and the YAML file."""

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
    def edit_bits(model: Any, cells: Any, lower: Any, upper: Any, _: Any, loaded: Any, rows: Any, bits: Any) -> tuple[Any, ...]:
        edit = Edit(ctx.triggered_id, model, cells, lower, upper, loaded, [row["id"] for row in rows or []])
        return edited_bits(edit, bits, services.analysis(model))

    @app.callback(
        Output(ids.BITS_GRID, "rowData"),
        Input(ids.BITS, "data"),
        State(ids.BITS_GRID, "rowData"),
    )
    def fill_grid(bits: Any, rows: Any) -> Any:
        return grid_update(services.analysis((bits or {}).get("model")), bits, rows)

    app.clientside_callback(
        "(rows) => rows && rows.length ? `bits for the ${rows.length} selected` : 'bits for all layers'",
        Output(ids.BITS_SCOPE, "children"),
        Input(ids.BITS_GRID, "selectedRows"),
    )
    app.clientside_callback(
        "(slider, typed) => window.geta.linked(slider, typed)",
        Output(ids.SPARSITY, "value"),
        Output(ids.SPARSITY_INPUT, "value"),
        Input(ids.SPARSITY, "value"),
        Input(ids.SPARSITY_INPUT, "value"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.CONFIG, "data"),
        Output(ids.CONFIG_ERRORS, "children"),
        Output(ids.LAUNCH, "disabled"),
        Output(ids.SPARSITY_CAPTION, "children"),
        Output(ids.ESTIMATE, "children"),
        Output(ids.SCHEDULE_BAR, "children"),
        Output(ids.BITS_PROBLEM, "children"),
        Output(ids.SCHEDULE_PROBLEM, "children"),
        {name: Output(identity, "error") for name, identity in FIELD_IDS.items()},
        Input(ids.BITS, "data"),
        Input(ids.BITS_LOWER, "value"),
        Input(ids.BITS_UPPER, "value"),
        {name: Input(identity, "value") for name, identity in {**FIELD_IDS, **SCHEDULE_IDS}.items()},
    )
    def check_draft(bits: Any, lower: Any, upper: Any, values: dict[str, Any]) -> Any:
        return checked_outputs(services, draft_of(bits, lower, upper, values))

    @app.callback(
        Output(ids.YAML_DOWNLOAD, "data"),
        Input(ids.YAML_SAVE, "n_clicks"),
        State(ids.CONFIG, "data"),
        prevent_initial_call=True,
    )
    def save(_: int, fields: dict[str, Any] | None) -> Any:
        return yaml_download(fields)

    app.clientside_callback(
        "(id) => window.geta.attachYaml(id)", Output(ids.YAML_FILE, "title"), Input(ids.YAML_FILE, "id")
    )

    @app.callback(
        {name: Output(identity, "value", allow_duplicate=True) for name, identity in {**FIELD_IDS, **SCHEDULE_IDS}.items()},
        Output(ids.MODEL_SELECT, "value", allow_duplicate=True),
        Input(ids.YAML_LOADED, "data"),
        prevent_initial_call=True,
    )
    def load(loaded: dict[str, Any] | None) -> Any:
        return yaml_values(services, loaded)
