"""Side by side: the compact model of a run beside the graph that is on screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output

from geta_engine.graph.difference import differences
from geta_studio import ids
from geta_studio.services import Services
from geta_studio.views import beside as view
from geta_studio.views.elements import elements, scene
from geta_studio.views.graph_panel import beside_items
from geta_studio.views.stylesheet import stylesheet

Shown = tuple[Any, Any, Any, bool]


def register(app: Dash, services: Services) -> None:
    """Wire the choice, the second graph, and what moves both together."""

    @app.callback(
        Output(ids.GRAPH_BESIDE_ITEMS, "children"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.PHASE, "data"),
        Input(ids.GRAPH_BESIDE, "data"),
    )
    def offer(key: str | None, _: Any, chosen: str | None) -> Any:
        return beside_items(choices(services, key), chosen)

    @app.callback(
        Output(ids.GRAPH_OTHER, "elements"),
        Output(ids.GRAPH_OTHER_SCENE, "data"),
        Output(ids.GRAPH_OTHER_TITLE, "children"),
        Output(ids.GRAPH_OTHER_POLL, "disabled"),
        Input(ids.GRAPH_BESIDE, "data"),
        Input(ids.GRAPH_OPEN, "data"),
        Input(ids.GRAPH_OTHER_POLL, "n_intervals"),
    )
    def draw(chosen: str | None, known: dict[str, Any] | None, _: int) -> Shown:
        return other(services, chosen, known)

    @app.callback(Output(ids.GRAPH_OTHER, "stylesheet"), Input(ids.PROVIDER, "forceColorScheme"))
    def restyle(scheme: str | None) -> list[dict[str, Any]]:
        return stylesheet("dark" if scheme == "dark" else "light")

    app.clientside_callback(
        ClientsideFunction("getaBeside", "scene"),
        Output(ids.GRAPH_OTHER_SINK, "data"),
        Input(ids.GRAPH_OTHER_SCENE, "data"),
    )


def choices(services: Services, key: str | None) -> dict[str, str]:
    """What can stand beside a model: the compact models of its finished runs, by key."""
    return {f"compact-{run.id}": f"compact model of run {run.id}" for run in services.compacted(key)}


def other(services: Services, chosen: str | None, known: Mapping[str, Any] | None) -> Shown:
    """(elements, scene, title, whether there is nothing to wait for) of the graph beside the one on screen."""
    dense = services.analysis(known["model"]) if known else None
    if known is None or dense is None or chosen not in choices(services, known["model"]):
        return [], None, "", True
    state = services.prepare(chosen)
    compact = services.analysis(chosen)
    if compact is None:
        return [], {"model": chosen, "hosts": None}, state.text, state.state == "failed"
    scopes, shape = frozenset(known["scopes"]), known["shape"]
    left = services.layout(dense, scopes, "groups", shape)
    right = view.aligned(left, services.layout(compact, scopes, "groups", shape))
    found = differences(dense["graph"], compact["graph"])
    run = services.run(int(chosen.removeprefix("compact-")))
    bits = {q["id"]: q["bits"] for q in run.summary.get("quantizers", ())}
    parts = view.marked(elements(compact, right), right, found, bits)
    pairs = {pair.after["id"]: pair.before["id"] for pair in found if pair.after and pair.before}
    drawn = {**scene(chosen, compact, right, None, None), "left": view.marks(left, found, "before"), "pairs": pairs}
    return parts, drawn, view.summary(services.library.label(chosen), dense["graph"], compact["graph"], found), True
