"""What to draw after a command: which scopes are open, then the elements and the scene of their layout. Pure."""

from __future__ import annotations

from typing import NamedTuple

from geta_engine.documents.analysis import AnalysisDocument, GraphDocument, GraphStage
from geta_engine.documents.layout import StoredLayout
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.opening import default_open, everything, scopes_around, scopes_inside
from geta_engine.drawing.stages import branch_scopes, graph_at
from geta_studio.graph.cytoscape import Element
from geta_studio.graph.elements import elements
from geta_studio.graph.legend import legend
from geta_studio.graph.scene import DrawnGraph, GraphCommand, GraphScene, scene_of
from geta_studio.services.layouts import LayoutOptions
from geta_studio.shell.html_tree import Plain

ALL_BUDGET = 1200
"""More nodes than this are opened at once only after a question."""


class View(NamedTuple):
    """What decides the drawing beside the open modules: the stage, and whether shape and helper ops are shown."""

    stage: str
    shape: bool

    @property
    def graph(self) -> GraphStage:
        """The stage whose nodes and edges are drawn; the later ones differ in colours alone."""
        return "trace" if self.stage == "trace" else "branches" if self.stage == "branches" else "groups"


class Opened(NamedTuple):
    """Which scopes are open after a command, the scope to hold still on screen, and the node to go to."""

    scopes: frozenset[str]
    anchor: str | None = None
    focus: str | None = None


class Plan(NamedTuple):
    """What is to be drawn: an analysis at a stage with these scopes open, in the columns of the layout `after`."""

    key: str
    staged: AnalysisDocument
    view: View
    opened: Opened
    after: str | None
    legend: list[Plain] | None
    """Of a model that was not on screen before; the others have theirs."""

    @property
    def options(self) -> LayoutOptions:
        return LayoutOptions(self.opened.scopes, self.view.graph, self.view.shape)


def planned(
    analysis: AnalysisDocument | None,
    key: str | None,
    command: GraphCommand | None,
    view: View,
    drawn: DrawnGraph | None,
) -> Plan | None:
    """What to draw after a command, or None where that is on screen already or cannot be drawn."""
    if key is None or analysis is None:
        return None
    previous = drawn if drawn is not None and drawn["model"] == key else None
    if previous is not None and not command and _is_drawn(previous, view):
        return None
    staged = at_stage(analysis, view.graph)
    graph = staged["graph"]
    if previous is None:
        first = _with_branches(default_open(graph, show_shape=view.shape), graph, view)
        return Plan(key, staged, view, Opened(first), None, legend(analysis))
    scopes = frozenset(previous["scopes"])
    if previous["graph"] != "branches":
        scopes = _with_branches(scopes, graph, view)
    if command and too_many(graph, command, view.shape):
        return None
    opened = apply(graph, scopes, command, view.shape) if command else Opened(scopes)
    after = previous["layout"] if opened.anchor or opened.focus else None
    return Plan(key, staged, view, opened, after, None)


def _is_drawn(drawn: DrawnGraph, view: View) -> bool:
    return drawn["graph"] == view.graph and drawn["shape"] == view.shape


def _with_branches(scopes: frozenset[str], graph: GraphDocument, view: View) -> frozenset[str]:
    """The scopes, and at the stage of branches the branches themselves."""
    return scopes.union(branch_scopes(graph)) if view.graph == "branches" else scopes


def drawn(plan: Plan, layout: StoredLayout) -> tuple[list[Element], GraphScene, DrawnGraph]:
    """The elements of a plan and its layout, the scene, and what the page keeps of both."""
    scene = scene_of(plan.key, plan.staged, layout, plan.opened.anchor, plan.opened.focus)
    kept: DrawnGraph = {
        "model": plan.key,
        "graph": plan.view.graph,
        "shape": plan.view.shape,
        "scopes": sorted(plan.opened.scopes),
        "layout": layout["key"],
    }
    return elements(plan.staged, layout), {**scene, "shape": plan.view.shape, "legend": plan.legend}, kept


def at_stage(analysis: AnalysisDocument, stage: GraphStage) -> AnalysisDocument:
    """The analysis with the graph of a stage."""
    return {**analysis, "graph": graph_at(analysis, stage)}


def options_of(drawn: DrawnGraph) -> LayoutOptions:
    """What decides the layout of the drawing on screen."""
    return LayoutOptions(frozenset(drawn["scopes"]), drawn["graph"], drawn["shape"])


def progress_text(done: int, total: int) -> str:
    """How far a layout is; before and after it there is the drawing itself to wait for."""
    return f"Laying out the graph: {done} of {total} modules" if total > 1 else "Drawing the graph"


def question(count: int) -> str:
    """What to ask before so many nodes are opened at once."""
    return (
        f"All modules together have {count:,} nodes. Drawing them takes some seconds, and then the graph moves less "
        f"smoothly. You can also open level by level, up to {ALL_BUDGET:,} nodes."
    )


def too_many(graph: GraphDocument, command: GraphCommand, show_shape: bool) -> int:
    """How many nodes "all" would show, where they are more than are opened without a question; else 0."""
    if command.get("action") != "all":
        return 0
    _, count = everything(graph, show_shape)
    return count if count > ALL_BUDGET else 0


def apply(graph: GraphDocument, scopes: frozenset[str], command: GraphCommand, show_shape: bool = False) -> Opened:
    """What a command makes of the open scopes; one that is unknown leaves them."""
    action = command.get("action")
    if action == "toggle":
        scope = str(command["scope"])
        closed = scopes - scopes_inside(graph, scope, show_shape) - {scope}
        return Opened(closed if scope in scopes else scopes | {scope}, anchor=SCOPE_PREFIX + scope)
    if action == "reveal":
        return Opened(scopes | scopes_around(graph, command["node"], show_shape), focus=command["node"])
    if action in ("all", "everything"):
        return Opened(everything(graph, show_shape)[0])
    if action == "most":
        return Opened(default_open(graph, ALL_BUDGET, every=True, show_shape=show_shape))
    if action == "fold":
        return Opened(frozenset())
    return Opened(scopes)
