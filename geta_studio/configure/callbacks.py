"""The Configure tab: every edit leads to one check, and the check to what is shown and whether Launch is on."""

from __future__ import annotations

from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from geta_studio.configure import ids
from geta_studio.configure.bit_edits import BitsEdit, EditedCell, edited_bits
from geta_studio.configure.bits_grid import BitsRow, bits_rows
from geta_studio.configure.config_file import LoadedFile, yaml_download, yaml_values
from geta_studio.configure.draft import ConfigFields
from geta_studio.configure.field_ids import FIELD_IDS, VALUE_IDS
from geta_studio.configure.form_state import draft_of, form_outputs
from geta_studio.configure.launch import launch_run
from geta_studio.services.services import Services
from geta_studio.shell import ids as shared
from geta_studio.shell.stores import BitBounds, TypedNumber


def register(app: Dash, services: Services) -> None:
    """Wire the table of bits, the check of all fields, the YAML file and Launch."""
    _register_bits(app, services)
    _register_check(app, services)
    _register_yaml(app, services)
    _register_launch(app, services)


def _register_bits(app: Dash, services: Services) -> None:
    @app.callback(
        Output(shared.BITS, "data"),
        Output(ids.BITS_LOWER, "value"),
        Output(ids.BITS_UPPER, "value"),
        Input(shared.MODEL_KEY, "data"),
        Input(ids.BITS_GRID, "cellValueChanged"),
        Input(ids.BITS_LOWER, "value"),
        Input(ids.BITS_UPPER, "value"),
        Input({"preset": ALL}, "n_clicks"),
        Input(ids.YAML_LOADED, "data"),
        State(ids.BITS_GRID, "selectedRows"),
        State(shared.BITS, "data"),
    )
    def edit_bits(
        model: str | None,
        cells: list[EditedCell] | None,
        lower: TypedNumber,
        upper: TypedNumber,
        _: list[int | None],
        loaded: LoadedFile | None,
        selected: list[BitsRow] | None,
        bits: BitBounds | None,
    ) -> tuple[Any, ...]:
        edit = BitsEdit(ctx.triggered_id, model, cells, lower, upper, loaded, [row["id"] for row in selected or []])
        return tuple(edited_bits(edit, bits, services.analyses.get(model)))

    @app.callback(Output(ids.BITS_GRID, "rowData"), Input(shared.BITS, "data"), Input(shared.MODEL_KEY, "data"))
    def fill_grid(bits: BitBounds | None, _: str | None) -> list[BitsRow]:
        return bits_rows(services.analyses.get(bits["model"] if bits else None), bits)

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
            "usual_budget": Output(ids.BUDGET, "placeholder"),
            "fields": {name: Output(identity, "error") for name, identity in FIELD_IDS.items()},
        },
        inputs={
            "bits": Input(shared.BITS, "data"),
            "lower": Input(ids.BITS_LOWER, "value"),
            "upper": Input(ids.BITS_UPPER, "value"),
            "_": Input(shared.MODEL_KEY, "data"),
            "values": {name: Input(identity, "value") for name, identity in VALUE_IDS.items()},
        },
    )
    def check_draft(
        bits: BitBounds | None, lower: TypedNumber, upper: TypedNumber, _: str | None, values: dict[str, TypedNumber]
    ) -> dict[str, Any]:
        return form_outputs(services, draft_of(bits, values), (lower, upper))._asdict()


def _register_yaml(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.YAML_DOWNLOAD, "data"),
        Input(ids.YAML_SAVE, "n_clicks"),
        State(ids.CONFIG, "data"),
        prevent_initial_call=True,
    )
    def save_yaml(_: int, fields: ConfigFields | None) -> dict[str, str]:
        return yaml_download(services, fields)

    @app.callback(
        output={
            name: Output(identity, "value", allow_duplicate=True)
            for name, identity in {**VALUE_IDS, "model": shared.MODEL_SELECT}.items()
        },
        inputs={"loaded": Input(ids.YAML_LOADED, "data")},
        prevent_initial_call=True,
    )
    def load_yaml(loaded: LoadedFile | None) -> dict[str, Any]:
        return yaml_values(loaded)

    app.clientside_callback(ClientsideFunction("geta", "attachYaml"), Input(ids.YAML_FILE, "id"))


def _register_launch(app: Dash, services: Services) -> None:
    @app.callback(
        Output(shared.RUN_SELECT, "data", allow_duplicate=True),
        Output(shared.RUN_SELECT, "value", allow_duplicate=True),
        Input(ids.LAUNCH, "n_clicks"),
        State(ids.CONFIG, "data"),
        running=[(Output(ids.LAUNCH, "className"), "primary busy", "primary")],
        prevent_initial_call=True,
    )
    def launch(_: int, fields: ConfigFields | None) -> tuple[Any, ...]:
        return (no_update, no_update) if fields is None else launch_run(services, fields)
