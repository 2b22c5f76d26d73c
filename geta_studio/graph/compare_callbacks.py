"""Side by side: a model beside what a run made of it, or what two runs made of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output
from dash.development.base_component import Component

from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.documents.layout import StoredLayout
from geta_engine.drawing.diff import Difference, differences
from geta_studio.graph import compare as view
from geta_studio.graph import ids
from geta_studio.graph.cytoscape import Element, Rule
from geta_studio.graph.elements import elements
from geta_studio.graph.panel import compare_items
from geta_studio.graph.plan import at_stage, options_of
from geta_studio.graph.scene import AwaitedScene, ComparedScene, DrawnGraph, scene_of
from geta_studio.graph.stylesheet import stylesheet
from geta_studio.services.comparable import comparable_models
from geta_studio.services.in_turn import in_turn
from geta_studio.services.layouts import LayoutOptions
from geta_studio.services.services import Services
from geta_studio.shell import ids as shared

RightSide = tuple[list[Element], ComparedScene | AwaitedScene | None, list[Component] | str, bool]
"""(elements, scene, title, whether there is nothing to wait for) of the graph at the right."""


def register(app: Dash, services: Services) -> None:
    """Wire the choice, the second graph, and what moves both together."""

    @app.callback(
        Output(ids.GRAPH_COMPARE_ITEMS, "children"),
        Input(shared.MODEL_KEY, "data"),
        Input(shared.PHASE, "data"),
        Input(shared.GRAPH_COMPARE, "data"),
    )
    def offer(key: str | None, _: Any, chosen: str | None) -> Any:
        return compare_items(comparable_models(services, key), chosen)

    @app.callback(
        Output(ids.GRAPH_COMPARED, "elements"),
        Output(ids.GRAPH_COMPARED_SCENE, "data"),
        Output(ids.GRAPH_COMPARED_TITLE, "children"),
        Output(ids.GRAPH_COMPARED_POLL, "disabled"),
        Input(shared.GRAPH_COMPARE, "data"),
        Input(ids.GRAPH_OPEN, "data"),
        Input(ids.GRAPH_COMPARED_POLL, "n_intervals"),
    )
    async def draw(chosen: str | None, drawn: DrawnGraph | None, _: int) -> RightSide:
        return await compared(services, chosen, drawn)

    @app.callback(
        Output(ids.GRAPH_COMPARED, "stylesheet"),
        Input(shared.PROVIDER, "forceColorScheme"),
        Input(shared.GRAPH_STAGE, "value"),
    )
    def restyle(scheme: str | None, stage: str) -> list[Rule]:
        return stylesheet("dark" if scheme == "dark" else "light", stage)

    app.clientside_callback(
        ClientsideFunction("getaCompare", "scene"),
        Input(ids.GRAPH_COMPARED_SCENE, "data"),
    )


async def compared(services: Services, chosen: str | None, drawn: DrawnGraph | None) -> RightSide:
    """What stands at the right of the drawing on screen."""
    pair = await in_turn(_compared, services, chosen, drawn)
    if not isinstance(pair, Pair):
        return pair
    layout = await in_turn(services.layouts.cached, pair.layout)
    if layout is None:
        layout = await services.layouts.of(pair.left["graph"], pair.options)
    right_layout = await services.layouts.of(pair.right_alike["graph"], pair.options, after=pair.layout)
    right_elements, scene = await in_turn(_drawn, pair, layout, right_layout)
    return right_elements, scene, pair.title, True


@dataclass(frozen=True)
class Pair:
    """Two analyses at one stage, the right one as it is and folded like the left one, and what differs."""

    left: AnalysisDocument
    right: AnalysisDocument
    right_alike: AnalysisDocument
    differences: Sequence[Difference]
    chosen: str
    bits: Mapping[str, float]
    title: list[Component]
    options: LayoutOptions
    layout: str
    """The key of the layout at the left."""


def _compared(services: Services, chosen: str | None, drawn: DrawnGraph | None) -> Pair | RightSide:
    """The pair to draw, or what the right side shows instead."""
    analysis = services.analyses.get(drawn["model"]) if drawn and chosen else None
    if not chosen or drawn is None or analysis is None or chosen not in comparable_models(services, drawn["model"]):
        return [], None, "", True
    state = services.analyses.ensure_analysis(chosen)
    chosen_analysis = services.analyses.get(chosen)
    if chosen_analysis is None:
        return [], {"model": chosen, "hosts": None}, view.waiting(state.text), state.state == "failed"
    left, right = at_stage(analysis, drawn["graph"]), at_stage(chosen_analysis, drawn["graph"])
    pairs = differences(left["graph"], right["graph"])
    alike: AnalysisDocument = {**right, "graph": view.made_alike(right["graph"], pairs)}
    run = services.runs.source_run(chosen)
    bits = view.bits_of(run.summary.get("quantizers", ()), right["quantizers"]) if run else {}
    title = view.summary(_title(services, drawn["model"], chosen), left, right, pairs)
    return Pair(left, right, alike, pairs, chosen, bits, title, options_of(drawn), drawn["layout"])


def _drawn(pair: Pair, layout: StoredLayout, right_layout: StoredLayout) -> tuple[list[Element], ComparedScene]:
    """Elements and scene of the right graph, folded, opened and placed as the left one where that can be."""
    placed = view.aligned(layout, right_layout, pair.differences)
    scene: ComparedScene = {
        **scene_of(pair.chosen, pair.right_alike, placed),
        "left": view.marks(layout, pair.differences, "before"),
        "pairs": view.counterparts(pair.differences),
        "quantizers": view.counterpart_quantizers(pair.left["quantizers"], pair.right["quantizers"]),
    }
    return view.marked(elements(pair.right_alike, placed), placed, pair.differences, pair.bits), scene


def _title(services: Services, key: str, chosen: str) -> str:
    """What the two graphs are, in the order in which they stand: "dense → run 1", "run 1 → run 2"."""
    runs = (services.runs.source_run(name) for name in (key, chosen))
    return " → ".join(f"run {run.id}" if run else "dense" for run in runs)
