"""The graph and what lies on it: stage, overlay, search, legend, scale, overview map, and its accessible list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import dash_cytoscape as cyto
import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from geta_studio.graph import ids
from geta_studio.graph.legend import scale
from geta_studio.graph.stylesheet import stylesheet
from geta_studio.shell import ids as shared
from geta_studio.shell.data_attributes import acts, named
from geta_studio.shell.graph_choices import FIRST_OVERLAY, FIRST_STAGE, OVERLAYS, STAGE_LABELS

cyto.load_extra_layouts()  # brings the SVG export
_HIDDEN: dict[str, Any] = {"aria-hidden": "true"}
MENU = "What can be done with this"
CANVAS = "The graph: arrow keys move it, the menu key opens the menu of what is selected, the list says what it shows"


def graph_panel(
    compare: str | None = None, stage: str = FIRST_STAGE, overlay: str = FIRST_OVERLAY, *, is_done: bool = False
) -> Component:
    """The panel, empty: the callbacks fill it once there is an analysis. `compare` is the key of the compared model,
    `is_done` says whether there is a compact graph to show."""
    return html.Div(
        id=ids.GRAPH_PANEL,
        className="graph-panel",
        children=[
            *(dcc.Store(id=name) for name in (ids.GRAPH_OPEN, ids.GRAPH_SCENE, ids.GRAPH_COMMAND, ids.GRAPH_NOW)),
            dcc.Store(id=ids.GRAPH_DRAWING, data=uuid4().hex),
            *(dcc.Store(id=name) for name in (ids.GRAPH_MATCHES, ids.GRAPH_SETTLED, ids.GRAPH_ACCESSIBLE_LIST)),
            html.Div(_canvas(ids.GRAPH), className="graph-focus", tabIndex=0, role="application", **named(CANVAS)),
            _compared(compare),
            _toolbar(stage, overlay, is_done),
            html.Nav(id=ids.GRAPH_CRUMBS, className="graph-crumbs", **named("Modules around what is on screen")),
            html.Div(
                [html.Div(id=ids.GRAPH_LEGEND), scale(), _button("legend", "Legend", "Fold or open the legend")],
                className="graph-legend",
            ),
            html.Canvas(id=ids.GRAPH_MAP, className="graph-map", **_HIDDEN),
            _zoom(),
            html.Div(id=ids.GRAPH_TIP, className="graph-tip", role="tooltip"),
            html.Div(id=ids.GRAPH_MENU, className="graph-menu", role="menu", hidden=True, **named(MENU)),
            _busy(),
            _question(),
            html.Nav(id=ids.GRAPH_TREE, className="graph-tree", **named("The graph as a list")),
        ],
    )


def _canvas(name: str) -> Component:
    return cyto.Cytoscape(
        id=name,
        className="graph-canvas",
        elements=[],
        layout={"name": "preset", "fit": False},
        stylesheet=stylesheet("light"),
        style={"width": "100%", "height": "100%"},
        minZoom=0.08,
        maxZoom=3,
        autoungrabify=True,
        boxSelectionEnabled=False,
        autoRefreshLayout=False,
        clearOnUnhover=True,
    )


def _compared(compare: str | None) -> Component:
    """The compared graph, with a line about what differs."""
    return html.Div(
        [
            dcc.Store(id=shared.GRAPH_COMPARE, data=compare),
            dcc.Store(id=ids.GRAPH_COMPARED_SCENE),
            dcc.Interval(id=ids.GRAPH_COMPARED_POLL, interval=400, disabled=True),
            _canvas(ids.GRAPH_COMPARED),
            html.P(id=ids.GRAPH_COMPARED_TITLE, className="graph-compared-title", role="status"),
        ],
        className="graph-compared",
    )


def stage_options(done: bool) -> list[dict[str, str]]:
    """The stages there is something to show for: the compact graph once a run is done."""
    return [{"value": key, "label": text} for key, text in STAGE_LABELS.items() if done or key != "compact"]


def _toolbar(stage: str, overlay: str, is_done: bool) -> Component:
    return html.Div(
        className="graph-tools",
        children=[
            dmc.SegmentedControl(
                id=shared.GRAPH_STAGE,
                data=stage_options(is_done),
                value=stage,
                size="xs",
                **named("Stage of the graph"),
            ),
            dmc.Select(
                id=shared.GRAPH_OVERLAY,
                data=[{"value": key, "label": text} for key, text in OVERLAYS.items()],
                value=overlay,
                size="xs",
                w=132,
                allowDeselect=False,
                leftSection=html.Span(className="overlay-dot", **_HIDDEN),
                leftSectionWidth=24,
                attributes={"input": {"aria-label": "What colours the nodes"}},
            ),
            dmc.TextInput(
                id=ids.GRAPH_SEARCH,
                placeholder="Find conv1, group:3, bits<6",
                size="xs",
                debounce=180,
                value="",
                n_submit=0,
                className="graph-find",
                rightSection=html.Span("", id=ids.GRAPH_MATCH_COUNT, className="match-count"),
                rightSectionWidth=54,
                **named("Find in the graph; Enter goes to the next match"),
            ),
            html.Div([_views(), _exports()], className="graph-buttons"),
        ],
    )


VIEWS = {
    "all": ("Open all modules", "Open every module"),
    "fold": ("Fold all modules", "Close every module"),
    "present": ("Present", "The graph alone, in large type; Esc ends it"),
}
SHAPE = {
    False: ("Show shape and mask ops", "Views, permutes and masks are left out of the drawing"),
    True: ("Hide shape and mask ops", "Views, permutes and masks are drawn"),
}
"""The entry that shows or hides them, by whether they are shown."""
EXPORTS = {"png": "PNG picture", "svg": "SVG drawing", "dot": "Graphviz DOT", "json": "JSON analysis"}


def _views() -> Component:
    """A menu of what is shown of the graph."""
    items = [_item(action, text, title) for action, (text, title) in VIEWS.items()]
    text, title = SHAPE[False]
    helpers = dmc.MenuItem(text, id=ids.GRAPH_SHAPE, n_clicks=0, className="menu-item", **named(_label(text, title)))
    compare = html.Div(id=ids.GRAPH_COMPARE_ITEMS)
    return _menu("View", "What is shown of the graph", [*items, dmc.MenuDivider(), helpers, compare])


def shape_item(is_shown: bool) -> tuple[str, str]:
    """Text and label of the menu entry that shows or hides shape and mask ops."""
    text, title = SHAPE[is_shown]
    return text, _label(text, title)


def compare_items(choices: Mapping[str, str], chosen: str | None) -> list[Component]:
    """Menu entries for what can stand beside the graph (key -> what it is called), and for nothing."""
    if not choices:
        return []
    named_choices = {"": "Nothing beside it", **{key: f"Beside it: {text}" for key, text in choices.items()}}
    items = [
        _item(f"compare-{key}", f"{'✓ ' if key == (chosen or '') else ''}{text}", "Two graphs side by side")
        for key, text in named_choices.items()
    ]
    return [dmc.MenuDivider(), *items]


def _exports() -> Component:
    """A menu of what can be saved; the browser makes the pictures, the server writes the texts."""
    items = [_item(f"save-{kind}", text, f"Save as {text}") for kind, text in EXPORTS.items()]
    return _menu("Save", "Save what is on screen", items)


def _item(action: str, text: str, title: str) -> Component:
    return dmc.MenuItem(text, className="menu-item", **acts(action, _label(text, title)))


def _label(text: str, title: str) -> str:
    """A name for screen readers that starts with what is written, as voice control needs it."""
    return title if text in title else f"{text}: {title}"


def _menu(text: str, title: str, items: list[Component]) -> Component:
    """The button is the target's own wrapper, so that what Mantine says of the menu is said of the button."""
    button: Any = {"component": "button", "type": "button", "className": "graph-button", "title": title}
    return dmc.Menu(
        [dmc.MenuTarget(f"{text} ▾", boxWrapperProps=button), dmc.MenuDropdown(items)],
        position="bottom-end",
        shadow="sm",
        transitionProps={"duration": 0},
        returnFocus=True,
        menuItemTabIndex=0,
    )


def _button(action: str, text: str, title: str) -> Component:
    return html.Button(text, className="graph-button", title=title, **acts(action, title))


def _busy() -> Component:
    """Shown while a drawing takes longer than a moment: how far it is, and a way out."""
    return html.Div(
        [
            dcc.Interval(id=ids.GRAPH_POLL, interval=250, disabled=True),
            html.Span("Drawing the graph", id=ids.GRAPH_PROGRESS),
            html.Button("Cancel", id=ids.GRAPH_CANCEL, className="graph-button", title="Keep the graph as it is"),
        ],
        id=ids.GRAPH_BUSY,
        className="graph-busy",
        role="status",
    )


def _question() -> Component:
    """Asked before more is opened than moves smoothly."""
    answers = (("most", "Level by level", "ghost"), ("everything", "Open everything", "primary"))
    buttons = [html.Button(text, className=look, **acts(action, text)) for action, text, look in answers]
    return dmc.Modal(
        [
            html.P(id=ids.GRAPH_QUESTION),
            html.Div([html.Div(className="spacer"), *buttons], className="launch-row confirm-row"),
        ],
        id=ids.GRAPH_ASK,
        title="Open all modules?",
        centered=True,
        size="sm",
    )


def _zoom() -> Component:
    buttons = (("in", "+", "Zoom in"), ("out", "−", "Zoom out"), ("fit", "Fit", "Show the whole graph"))
    return html.Div(
        [
            html.Button(text, className="graph-button", title=title, **acts(action, title))
            for action, text, title in buttons
        ],
        className="graph-zoom",
    )
