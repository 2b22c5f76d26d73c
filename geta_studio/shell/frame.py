"""The frame of the page: header above, graph in the middle, side panel on the right, dock below. It knows no feature;
`server/page.py` says what stands in each place."""

from __future__ import annotations

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from geta_studio.shell import ids

ACCENT = [
    "#e6f7fa",
    "#cdeaf0",
    "#9ad5e1",
    "#66bfd2",
    "#3fadc5",
    "#259fbc",
    "#118ca8",
    "#0b7285",
    "#0a6374",
    "#075261",
]


def page_frame(
    header: Component, workspace: Component, pages: Sequence[Component], state: Sequence[Component]
) -> Component:
    """The whole page: its stores, the header, the workspace, the pages laid over it, and the notices."""
    return dmc.MantineProvider(
        id=ids.PROVIDER,
        theme={
            "colors": {"geta": ACCENT},
            "primaryColor": "geta",
            "primaryShade": {"light": 7, "dark": 5},
            "defaultRadius": 5,
            "fontFamily": "var(--geta-font)",
            "components": {"Menu": {"defaultProps": {"withInitialFocusPlaceholder": False}}},
        },
        children=[
            *state,
            html.Div([header, workspace, *pages], className="app"),
            dmc.NotificationContainer(id=ids.NOTICES, position="bottom-right", limit=3),
        ],
    )


def workspace(graph: Sequence[Component], side: Component, dock: Component) -> Component:
    """Graph, side panel and dock, laid out like a debugger."""
    graph_area = html.Div(list(graph), id=ids.GRAPH_AREA, className="graph-area")
    return html.Main([graph_area, side, dock], id=ids.WORKSPACE, className="workspace")


def side_panel(inspector: Component, configure: Component, result: Component, front: str) -> Component:
    """Inspect, Configure and Result, one at a time; all three stay mounted so that nothing typed is lost."""
    return html.Aside(
        className="side",
        children=dmc.Tabs(
            id=ids.SIDE_TABS,
            value=front,
            keepMounted=True,
            className="side-tabs",
            children=[
                dmc.TabsList(
                    [
                        dmc.TabsTab("Inspect", value="inspect"),
                        dmc.TabsTab("Configure", value="configure"),
                        dmc.TabsTab("Result", value="result", id=ids.RESULT_TAB),
                    ]
                ),
                dmc.TabsPanel(inspector, value="inspect", className="side-body"),
                dmc.TabsPanel(configure, value="configure", className="side-body side-configure"),
                dmc.TabsPanel(result, value="result", className="side-body"),
            ],
        ),
    )
