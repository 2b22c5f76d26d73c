"""The inspector: a page for what is selected; only its numbers and figure follow the run."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State
from dash.development.base_component import Component

from geta_studio.inspector import ids
from geta_studio.inspector.figure import figure_now
from geta_studio.inspector.page import inspector_figure, live, page
from geta_studio.inspector.parts import Subject
from geta_studio.inspector.run_subject import subject_of
from geta_studio.services.services import Services
from geta_studio.shell import ids as shared
from geta_studio.shell.figure_style import scheme_of
from geta_studio.shell.stores import BitBounds, NewestSnapshot, Selection


def register(app: Dash, services: Services) -> None:
    """Wire the page and its live part."""

    @app.callback(
        Output(ids.INSPECT_HEAD, "children"),
        Output(ids.INSPECT_BODY, "children"),
        Input(shared.SELECTION, "data"),
        Input(shared.MODEL_KEY, "data"),
        Input(shared.GRAPH_STAGE, "value"),
    )
    def update_page(selection: Selection | None, key: str | None, stage: str) -> tuple[Any, ...]:
        analysis = services.analyses.get(key)
        return tuple(page(Subject(analysis) if analysis else None, selection, stage))

    now = (
        Input(shared.SELECTION, "data"),
        Input(shared.MODEL_KEY, "data"),
        Input(shared.SNAPSHOT, "data"),
        Input(shared.RUN_ID, "data"),
        Input(shared.BITS, "data"),
    )

    @app.callback(Output(ids.INSPECT_LIVE, "children"), Output(ids.INSPECT_NOTE, "children"), *now)
    def update_live(
        selection: Selection | None,
        key: str | None,
        _: NewestSnapshot | None,
        run_id: int | None,
        bits: BitBounds | None,
    ) -> tuple[Any, ...]:
        return tuple(live(subject_of(services, key, run_id, bits), selection))

    @app.callback(
        Output(ids.INSPECT_FIGURE, "figure"),
        Output(ids.INSPECT_FIGURE, "style"),
        *now,
        Input(shared.PROVIDER, "forceColorScheme"),
        State(ids.INSPECT_FIGURE, "style"),
    )
    def update_figure(
        selection: Selection | None,
        key: str | None,
        _: NewestSnapshot | None,
        run_id: int | None,
        bits: BitBounds | None,
        scheme: str | None,
        style: dict[str, str] | None,
    ) -> tuple[Any, dict[str, str]]:
        return figure_now(subject_of(services, key, run_id, bits), selection, scheme_of(scheme), style)

    @app.callback(Output(ids.INSPECT_PLOT, "children"), Input(shared.PAINTED, "data"), prevent_initial_call=True)
    def mount_figure(_: bool) -> Component:
        return inspector_figure()
