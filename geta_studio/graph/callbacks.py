"""The graph: draws it when the model or the open modules change; everything that moves happens in assets/js/graph.

What may wait for a layout is `async def`: it holds none of the few threads that answer everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from geta_engine.documents.analysis import GraphStage
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.opening import default_open, everything, scopes_around, scopes_inside
from geta_engine.drawing.stages import branch_scopes, graph_at
from geta_studio.graph.accessible_list import tree
from geta_studio.graph.compare import bits_of
from geta_studio.graph.elements import elements
from geta_studio.graph.legend import legend
from geta_studio.graph.panel import shape_item, stage_options
from geta_studio.graph.scene import scene_of
from geta_studio.graph.search import search
from geta_studio.graph.stylesheet import stylesheet
from geta_studio.services.in_turn import in_turn
from geta_studio.services.layouts import LayoutOptions
from geta_studio.services.services import Services
from geta_studio.services.unit_state import now, values_of
from geta_studio.shell import ids
from geta_studio.shell.bit_bounds import bounds_of
from geta_studio.shell.html_tree import Plain
from geta_studio.shell.stores import BitBounds

ALL_BUDGET = 1200
"""More nodes than this are opened at once only after a question."""
SINK_SCENE, SINK_LIST, SINK_PAINT, SINK_RESTYLED, SINK_SELECT, SINK_MATCH, SINK_STEP = ids.GRAPH_SINKS


def register(app: Dash, services: Services) -> None:
    """Wire the drawing, the live values, search, and the clientside parts."""

    @app.callback(
        Output(ids.GRAPH, "elements"),
        Output(ids.GRAPH_SCENE, "data"),
        Output(ids.GRAPH_OPEN, "data"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.GRAPH_COMMAND, "data"),
        Input(ids.GRAPH_SHAPE, "n_clicks"),
        Input(ids.GRAPH_STAGE, "value"),
        State(ids.GRAPH_OPEN, "data"),
        State(ids.GRAPH_DRAWING, "data"),
        running=[
            (Output(ids.GRAPH_BUSY, "className"), "graph-busy on", "graph-busy"),
            (Output(ids.GRAPH_POLL, "disabled"), False, True),
        ],
    )
    async def draw(
        key: str | None,
        command: dict[str, Any] | None,
        shape: int,
        stage: str,
        known: dict[str, Any] | None,
        name: str,
    ) -> tuple[Any, ...]:
        asked = command if ctx.triggered_id == ids.GRAPH_COMMAND else None
        return await drawing(services, key, asked, View(stage, shows_shape(shape)), known, name)

    @app.callback(
        Output(ids.GRAPH_SHAPE, "children"),
        Output(ids.GRAPH_SHAPE, "aria-label"),
        Input(ids.GRAPH_SHAPE, "n_clicks"),
        prevent_initial_call=True,
    )
    def name_shape(clicks: int) -> tuple[str, str]:
        return shape_item(shows_shape(clicks))

    @app.callback(
        Output(ids.GRAPH_PROGRESS, "children"), Input(ids.GRAPH_POLL, "n_intervals"), State(ids.GRAPH_DRAWING, "data")
    )
    def show_progress(_: int, name: str) -> str:
        return progress_text(*services.layouts.progress(name))

    @app.callback(Input(ids.GRAPH_CANCEL, "n_clicks"), State(ids.GRAPH_DRAWING, "data"), prevent_initial_call=True)
    def cancel(_: int, name: str) -> None:
        services.layouts.cancel(name)

    @app.callback(
        Output(ids.GRAPH_ASK, "opened"),
        Output(ids.GRAPH_QUESTION, "children"),
        Input(ids.GRAPH_COMMAND, "data"),
        State(ids.GRAPH_OPEN, "data"),
        prevent_initial_call=True,
    )
    def ask(command: dict[str, Any] | None, known: dict[str, Any] | None) -> tuple[bool, Any]:
        return question(services, command, known)

    @app.callback(
        Output(ids.GRAPH_ACCESSIBLE_LIST, "data"),
        Input(ids.GRAPH_SETTLED, "data"),
        State(ids.GRAPH_OPEN, "data"),
        prevent_initial_call=True,
    )
    async def send_accessible_list(_: int, known: dict[str, Any] | None) -> Any:
        return await accessible_list(services, known)

    @app.callback(
        Output(ids.GRAPH, "stylesheet"), Input(ids.PROVIDER, "forceColorScheme"), Input(ids.GRAPH_STAGE, "value")
    )
    def restyle(scheme: str | None, stage: str) -> list[dict[str, Any]]:
        return stylesheet("dark" if scheme == "dark" else "light", stage)

    @app.callback(
        Output(ids.GRAPH_NOW, "data"),
        Input(ids.SNAPSHOT, "data"),
        Input(ids.RUN_ID, "data"),
        Input(ids.MODEL_KEY, "data"),
    )
    def follow(_: dict[str, Any] | None, run_id: int | None, key: str | None) -> Any:
        return state_now(services, run_id, key)

    @app.callback(
        Output(ids.GRAPH_STAGE, "data"),
        Output(ids.GRAPH_STAGE, "value"),
        Input(ids.PHASE, "data"),
        State(ids.GRAPH_STAGE, "value"),
    )
    def offer_stages(phase: dict[str, Any] | None, stage: str) -> tuple[Any, Any]:
        done = (phase or {}).get("status") == "done"
        return stage_options(done), "groups" if stage == "compact" and not done else no_update

    @app.callback(
        Output(ids.GRAPH_MATCHES, "data"),
        Input(ids.GRAPH_SEARCH, "value"),
        Input(ids.MODEL_KEY, "data"),
        Input(ids.GRAPH_NOW, "data"),
        Input(ids.BITS, "data"),
        State(ids.GRAPH_MATCHES, "data"),
    )
    def find(query: str | None, key: str | None, now: dict[str, Any] | None, bits: Any, known: Any) -> Any:
        found = matches(services.analyses.get(key), query or "", now, bits)
        return no_update if found == known else found

    _clientside(app)


def _clientside(app: Dash) -> None:
    for name, sink, inputs in (
        ("scene", SINK_SCENE, [Input(ids.GRAPH_SCENE, "data")]),
        ("writeList", SINK_LIST, [Input(ids.GRAPH_ACCESSIBLE_LIST, "data")]),
        (
            "paint",
            SINK_PAINT,
            [
                Input(ids.GRAPH_NOW, "data"),
                Input(ids.GRAPH_OVERLAY, "value"),
                Input(ids.GRAPH_STAGE, "value"),
                Input(ids.BITS, "data"),
                Input(ids.PROVIDER, "forceColorScheme"),
                Input(ids.RUN_ID, "data"),
            ],
        ),
        ("restyled", SINK_RESTYLED, [Input(ids.GRAPH, "stylesheet")]),
        ("choose", SINK_SELECT, [Input(ids.SELECTION, "data")]),
        ("match", SINK_MATCH, [Input(ids.GRAPH_MATCHES, "data")]),
        ("step", SINK_STEP, [Input(ids.GRAPH_SEARCH, "n_submit")]),
    ):
        app.clientside_callback(ClientsideFunction("getaGraph", name), Output(sink, "data"), *inputs)


def shows_shape(clicks: int) -> bool:
    """Whether shape and mask ops are shown after so many clicks on their entry; at first they are not."""
    return clicks % 2 == 1


class Opened(NamedTuple):
    """Which scopes are open after a command, the scope to hold still on screen, and the node to go to."""

    scopes: frozenset[str]
    anchor: str | None = None
    focus: str | None = None


class View(NamedTuple):
    """What decides the drawing beside the open modules: the stage, and whether shape and helper ops are shown."""

    stage: str
    shape: bool

    @property
    def graph(self) -> GraphStage:
        """The stage whose nodes and edges are drawn; the later ones differ in colours alone."""
        return "trace" if self.stage == "trace" else "branches" if self.stage == "branches" else "groups"


async def drawing(
    services: Services,
    key: str | None,
    command: Mapping[str, Any] | None,
    view: View,
    known: Mapping[str, Any] | None,
    name: str = "",
) -> tuple[Any, ...]:
    """(elements, scene, open scopes) for a model, or nothing new where it is not analysed. `name` is the drawing's."""
    analysis = await in_turn(services.analyses.get, key)
    plan = await in_turn(planned, analysis, key, command, view, known)
    if plan is None:
        return (no_update,) * 3
    options = LayoutOptions(plan.opened.scopes, view.graph, view.shape)
    layout = await services.layouts.of(plan.staged["graph"], options, plan.after, name)
    return await in_turn(drawn, plan, view, layout)


class Plan(NamedTuple):
    """What is to be drawn: an analysis at a stage with these scopes open, in the columns of the layout `after`."""

    key: str
    staged: dict[str, Any]
    opened: Opened
    after: str | None
    legend: list[Plain] | None
    """Of a model that was not on screen before; the others have theirs."""


def planned(
    analysis: Mapping[str, Any] | None,
    key: str | None,
    command: Mapping[str, Any] | None,
    view: View,
    known: Mapping[str, Any] | None,
) -> Plan | None:
    """What to draw after a command, or None where that is on screen already or cannot be drawn."""
    if key is None or analysis is None:
        return None
    shown = known if known is not None and known["model"] == key else {}
    if shown and not command and _drawn_of(key, view).items() <= shown.items():
        return None
    staged = at_stage(analysis, view.graph)
    scopes = frozenset(shown["scopes"]) if shown else default_open(staged["graph"], show_shape=view.shape)
    if view.graph == "branches" and shown.get("graph") != "branches":
        scopes |= branch_scopes(staged["graph"]).keys()
    if shown and command and too_many(staged["graph"], command, view.shape):
        return None
    opened = apply(staged["graph"], scopes, command, view.shape) if shown and command else Opened(scopes)
    after = shown.get("layout") if opened.anchor or opened.focus else None
    return Plan(key, staged, opened, after, None if shown else legend(analysis))


def drawn(plan: Plan, view: View, layout: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any], Any]:
    """(elements, scene, open scopes) of a plan and its layout."""
    placed = scene_of(plan.key, plan.staged, layout, plan.opened.anchor, plan.opened.focus)
    return (
        elements(plan.staged, layout),
        {**placed, "shape": view.shape, "legend": plan.legend},
        {**_drawn_of(plan.key, view), "scopes": sorted(plan.opened.scopes), "layout": layout["key"]},
    )


def _drawn_of(key: str, view: View) -> dict[str, Any]:
    return {"model": key, "graph": view.graph, "shape": view.shape}


def at_stage(analysis: Mapping[str, Any], stage: GraphStage) -> dict[str, Any]:
    """The analysis with the graph of a stage."""
    return {**analysis, "graph": graph_at(analysis, stage)}


async def accessible_list(services: Services, known: Mapping[str, Any] | None) -> Any:
    """The accessible list of what is on screen."""
    analysis = await in_turn(services.analyses.get, known["model"]) if known else None
    if known is None or analysis is None:
        return no_update
    staged = at_stage(analysis, known["graph"])
    layout = await in_turn(services.layouts.known, known["layout"])
    if layout is None:
        layout = await services.layouts.of(staged["graph"], options_of(known))
    return await in_turn(tree, layout, staged)


def options_of(known: Mapping[str, Any]) -> LayoutOptions:
    """What decides the layout of the drawing on screen."""
    return LayoutOptions(frozenset(known["scopes"]), known["graph"], known["shape"])


def progress_text(done: int, total: int) -> str:
    """How far a layout is; before and after it there is the drawing itself to wait for."""
    return f"Laying out the graph: {done} of {total} modules" if total > 1 else "Drawing the graph"


def question(
    services: Services, command: Mapping[str, Any] | None, known: Mapping[str, Any] | None
) -> tuple[bool, Any]:
    """Whether to ask before all modules are opened, and what."""
    analysis = services.analyses.get(known["model"]) if known else None
    if known is None or analysis is None or not command:
        return False, no_update
    count = too_many(at_stage(analysis, known["graph"])["graph"], command, known["shape"])
    return bool(count), (
        f"All modules together have {count:,} nodes. Drawing them takes some seconds, and then the graph moves less "
        f"smoothly. You can also open level by level, up to {ALL_BUDGET:,} nodes."
    )


def too_many(graph: Mapping[str, Any], command: Mapping[str, Any], show_shape: bool) -> int:
    """How many nodes "all" would show, where they are more than are opened without a question; else 0."""
    if command.get("action") != "all":
        return 0
    _, count = everything(graph, show_shape)
    return count if count > ALL_BUDGET else 0


def apply(
    graph: Mapping[str, Any], scopes: frozenset[str], command: Mapping[str, Any], show_shape: bool = False
) -> Opened:
    """What a command of the graph makes of the open scopes."""
    action = command.get("action")
    if action == "toggle":
        scope = str(command["scope"])
        closed = scopes - scopes_inside(graph, scope, show_shape) - {scope}
        after = closed if scope in scopes else scopes | {scope}
        return Opened(after, anchor=SCOPE_PREFIX + scope)
    if action == "reveal":
        return Opened(scopes | scopes_around(graph, command["node"], show_shape), focus=command["node"])
    if action in ("all", "everything"):
        return Opened(everything(graph, show_shape)[0])
    if action == "most":
        return Opened(default_open(graph, ALL_BUDGET, every=True, show_shape=show_shape))
    if action == "fold":
        return Opened(frozenset())
    return Opened(scopes)


def state_now(services: Services, run_id: int | None, key: str | None) -> dict[str, Any] | None:
    """Bits and unit states of the run on screen from its newest frames; of a compact model, the bits it has."""
    analysis = services.analyses.get(key)
    if analysis is not None and run_id is None and (source_run := services.runs.source_run(key)):
        return {"bits": bits_of(source_run.summary.get("quantizers", ()), analysis["quantizers"]), "groups": {}}
    if run_id is None or analysis is None or not services.runs.has_run(run_id):
        return None
    units, quantizers, saliency = (
        values_of(services.runs.snapshot(run_id, k)) for k in ("units", "quantizers", "saliency")
    )
    return now(analysis, units, quantizers, saliency)


def matches(
    analysis: Mapping[str, Any] | None, query: str, now: Mapping[str, Any] | None, bits: BitBounds | None
) -> dict[str, Any]:
    """`{"query", "nodes": [ids]}` of a search, by the bits of the run on screen, else by the bounds being edited."""
    if analysis is None or not query:
        return {"query": query, "nodes": []}
    widths = (now or {}).get("bits") or upper_bounds(analysis, bits)
    return {"query": query, "nodes": search(analysis, query, widths)}


def upper_bounds(analysis: Mapping[str, Any] | None, bits: BitBounds | None) -> dict[str, float]:
    """The upper bounds being edited, by quantizer: the bits to search by while there is no run."""
    if analysis is None or bits is None:
        return {}
    bounds = bounds_of(bits, analysis)
    return {quantizer: float(upper) for quantizer, (_, upper) in bounds.items() if isinstance(upper, (int, float))}
