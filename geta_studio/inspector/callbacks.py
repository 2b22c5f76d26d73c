"""The inspector: a page for what is selected; only its numbers and figure follow the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from geta_engine.config import RunConfig
from geta_studio.configure.validation import bounds_of
from geta_studio.inspector.group import norms_figure
from geta_studio.inspector.page import figure_kind, inspector_figure, live, page
from geta_studio.inspector.parts import Subject
from geta_studio.inspector.quantizer import stairs_figure
from geta_studio.run_dock.figures import empty_figure
from geta_studio.services.services import Services
from geta_studio.services.unit_state import values_of
from geta_studio.shell import ids
from geta_studio.shell.palette import Scheme

HIDDEN = {"display": "none"}
SHOWN = {"height": "168px"}


def register(app: Dash, services: Services) -> None:
    """Wire the page and its live part."""

    @app.callback(
        Output(ids.INSPECT_HEAD, "children"),
        Output(ids.INSPECT_BODY, "children"),
        Input(ids.SELECTION, "data"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.GRAPH_STAGE, "value"),
    )
    def describe(selection: dict[str, Any] | None, key: str | None, stage: str) -> tuple[Any, ...]:
        analysis = services.analyses.get(key)
        return tuple(page(Subject(analysis) if analysis else None, selection, stage))

    now = (
        Input(ids.SELECTION, "data"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.SNAPSHOT, "data"),
        Input(ids.RUN_ID, "data"),
        Input(ids.BITS, "data"),
    )

    @app.callback(Output(ids.INSPECT_LIVE, "children"), Output(ids.INSPECT_NOTE, "children"), *now)
    def follow(selection: Any, key: str | None, _: Any, run_id: int | None, bits: Any) -> tuple[Any, ...]:
        return tuple(live(subject_of(services, key, run_id, bits), selection))

    @app.callback(
        Output(ids.INSPECT_FIGURE, "figure"),
        Output(ids.INSPECT_FIGURE, "style"),
        *now,
        Input(ids.PROVIDER, "forceColorScheme"),
        State(ids.INSPECT_FIGURE, "style"),
    )
    def draw(
        selection: Any, key: str | None, _: Any, run_id: int | None, bits: Any, scheme: str | None, style: Any
    ) -> tuple[Any, Any]:
        subject = subject_of(services, key, run_id, bits)
        return figure_now(subject, selection, "dark" if scheme == "dark" else "light", style)

    @app.callback(Output(ids.INSPECT_PLOT, "children"), Input(ids.PAINTED, "data"), prevent_initial_call=True)
    def mount(_: bool) -> Component:
        return inspector_figure()


def subject_of(
    services: Services, key: str | None, run_id: int | None, bits: Mapping[str, Any] | None
) -> Subject | None:
    """The model on screen with the newest frames of its run; bounds are the run's, else those being edited."""
    analysis = services.analyses.get(key)
    if analysis is None:
        return None
    if run_id is None or not services.runs.has_run(run_id):
        return Subject(analysis, bounds_of(bits, analysis) if bits else None)
    units, quantizers = services.runs.snapshot(run_id, "units"), services.runs.snapshot(run_id, "quantizers")
    bounds = run_bounds(services.runs.get(run_id).config, analysis)
    return Subject(analysis, bounds, values_of(units), values_of(quantizers))


def run_bounds(config: RunConfig, analysis: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """(b_l, b_u) of every quantizer, from the configuration of a run."""
    bounds = {q["id"]: config.bounds_of(q["id"]) for q in analysis["quantizers"]}
    return {key: (pair.lower, pair.upper) for key, pair in bounds.items()}


def figure_now(
    subject: Subject | None, selection: Mapping[str, Any] | None, scheme: Scheme, style: Mapping[str, Any] | None
) -> tuple[Any, dict[str, str]]:
    """The figure for the selection and its style; hidden where the selection has none."""
    kind = figure_kind(selection, subject)
    if kind is None or subject is None or selection is None:
        return no_update if style == HIDDEN else empty_figure(scheme), HIDDEN
    return _figure(kind, subject, selection, scheme), SHOWN


def _figure(kind: str, subject: Subject, selection: Mapping[str, Any], scheme: Scheme) -> dict[str, Any]:
    if kind == "norms":
        group = int(selection["id"])
        return norms_figure(subject.units[group], subject.slots[group], scheme)
    state = subject.state(selection["id"])
    assert state is not None
    _, d, q_m, t = state
    signed = subject.quantizers[selection["id"]]["kind"] == "weight"
    return stairs_figure(d, q_m, t, signed, scheme)
