"""Side by side: a model beside what a run made of it, or what two runs made of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output

from geta_engine.drawing.diff import Difference, differences
from geta_studio.graph import compare as view
from geta_studio.graph.callbacks import at_stage
from geta_studio.graph.elements import elements, scene
from geta_studio.graph.panel import compare_items
from geta_studio.graph.stylesheet import stylesheet
from geta_studio.services.services import Services
from geta_studio.shell import ids

Shown = tuple[Any, Any, Any, bool]


def register(app: Dash, services: Services) -> None:
    """Wire the choice, the second graph, and what moves both together."""

    @app.callback(
        Output(ids.GRAPH_COMPARE_ITEMS, "children"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.PHASE, "data"),
        Input(ids.GRAPH_COMPARE, "data"),
    )
    def offer(key: str | None, _: Any, chosen: str | None) -> Any:
        return compare_items(choices(services, key), chosen)

    @app.callback(
        Output(ids.GRAPH_COMPARED, "elements"),
        Output(ids.GRAPH_COMPARED_SCENE, "data"),
        Output(ids.GRAPH_COMPARED_TITLE, "children"),
        Output(ids.GRAPH_COMPARED_POLL, "disabled"),
        Input(ids.GRAPH_COMPARE, "data"),
        Input(ids.GRAPH_OPEN, "data"),
        Input(ids.GRAPH_COMPARED_POLL, "n_intervals"),
    )
    def draw(chosen: str | None, known: dict[str, Any] | None, _: int) -> Shown:
        return compared(services, chosen, known)

    @app.callback(
        Output(ids.GRAPH_COMPARED, "stylesheet"),
        Input(ids.PROVIDER, "forceColorScheme"),
        Input(ids.GRAPH_STAGE, "value"),
    )
    def restyle(scheme: str | None, stage: str) -> list[dict[str, Any]]:
        return stylesheet("dark" if scheme == "dark" else "light", stage)

    app.clientside_callback(
        ClientsideFunction("getaCompare", "scene"),
        Output(ids.GRAPH_COMPARED_SINK, "data"),
        Input(ids.GRAPH_COMPARED_SCENE, "data"),
    )


def choices(services: Services, key: str | None) -> dict[str, str]:
    """What can stand beside a model, by key: the compact models of its finished runs; beside one of these, those of the
    other runs of the same model, and that model."""
    run = services.runs.source_run(key)
    others = services.runs.comparable_runs(run) if run else services.runs.runs_with_compact_model(key)
    found = {f"compact-{other.id}": f"compact model of run {other.id}" for other in others}
    if run is None:
        return found
    dense = services.library.key_of(run)
    return {**found, dense: f"the dense {services.library.label(dense)}"}


def compared(services: Services, chosen: str | None, known: Mapping[str, Any] | None) -> Shown:
    """(elements, scene, title, whether there is nothing to wait for) of the graph beside the one on screen."""
    own = services.analyses.get(known["model"]) if known and chosen else None
    if not chosen or known is None or own is None or chosen not in choices(services, known["model"]):
        return [], None, "", True
    state = services.analyses.ensure_analysis(chosen)
    chosen_analysis = services.analyses.get(chosen)
    if chosen_analysis is None:
        return [], {"model": chosen, "hosts": None}, view.waiting(state.text), state.state == "failed"
    left, right = (at_stage(analysis, known["graph"]) for analysis in (own, chosen_analysis))
    found = differences(left["graph"], right["graph"])
    parts, drawn = _drawn(services, left, right, found, known, chosen)
    return parts, drawn, view.summary(_title(services, known["model"], chosen), left, right, found), True


def _drawn(
    services: Services,
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    found: Sequence[Difference],
    known: Mapping[str, Any],
    chosen: str,
) -> tuple[list[Any], dict[str, Any]]:
    """Elements and scene of the right graph, folded, opened and placed as the left one where that can be."""
    right = {**right, "graph": view.made_alike(right["graph"], found)}
    shown = frozenset(known["scopes"]), known["graph"], known["shape"]
    places = services.layouts.known(known["layout"]) or services.layouts.of(left, *shown)
    placed = view.aligned(places, services.layouts.of(right, *shown, after=known["layout"]), found)
    run = services.runs.source_run(chosen)
    bits = view.bits_of(run.summary.get("quantizers", ()), right["quantizers"]) if run else {}
    drawn = scene(chosen, right, placed, None, None)
    drawn |= {"left": view.marks(places, found, "before"), "pairs": view.counterparts(found)}
    drawn["quantizers"] = view.counterpart_quantizers(left["quantizers"], right["quantizers"])
    return view.marked(elements(right, placed), placed, found, bits), drawn


def _title(services: Services, key: str, chosen: str) -> str:
    """What the two graphs are, in the order in which they stand: "dense → run 1", "run 1 → run 2"."""
    runs = (services.runs.source_run(name) for name in (key, chosen))
    return " → ".join(f"run {run.id}" if run else "dense" for run in runs)
