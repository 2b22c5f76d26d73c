"""The workspace: graph in the middle, side panel on the right, dock below, laid out like a debugger."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from geta_studio.configure.panel import configure_panel
from geta_studio.graph.panel import graph_panel
from geta_studio.header.page_state import Opening
from geta_studio.inspector.page import inspector_panel
from geta_studio.runs_page.page import runs_page
from geta_studio.shell import ids
from geta_studio.shell.frame import dock, header, side_panel

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
POLL_MS = 400
TICK_MS = 250


def layout(first: Opening) -> Component:
    """The whole page as it opens; what changes later comes from callbacks."""
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
            *_state(first),
            html.Div(
                className="app",
                children=[
                    header(first),
                    html.Main(
                        id=ids.WORKSPACE,
                        className="workspace",
                        children=[
                            html.Div(
                                [
                                    graph_panel(first.beside),
                                    html.Div(id=ids.MODEL_STATUS, className="model-status", role="status"),
                                ],
                                id=ids.GRAPH_AREA,
                                className="graph-area",
                            ),
                            side_panel(inspector_panel(), configure_panel(), first.tab),
                            dock(first.screen.run_id is not None),
                        ],
                    ),
                    runs_page(),
                ],
            ),
            dmc.NotificationContainer(id=ids.NOTICES, position="bottom-right", limit=3),
        ],
    )


def _state(first: Opening) -> list[Component]:
    return [
        dcc.Location(id=ids.URL, refresh=False, pathname=first.path, search=first.search),
        dcc.Store(id=ids.COLOR_SCHEME, storage_type="local"),
        dcc.Store(id=ids.MODEL_KEY, data=first.key),
        dcc.Store(id=ids.SELECTION, data=first.selection),
        dcc.Store(id=ids.NAMED, data=first.selection),
        dcc.Store(id=ids.RUN_ID, data=first.screen.run_id),
        dcc.Store(id=ids.LIVE),
        dcc.Store(id=ids.PHASE),
        dcc.Store(id=ids.SNAPSHOT),
        dcc.Store(id=ids.UPLOADED),
        dcc.Store(id=ids.ADDRESS),
        dcc.Store(id=ids.BITS),
        dcc.Store(id=ids.PAINTED),
        dcc.Interval(id=ids.MODEL_POLL, interval=POLL_MS, disabled=first.key is not None),
        dcc.Interval(id=ids.TICK, interval=TICK_MS),
        dcc.Store(id=ids.TICK_DUE),
        dcc.Store(id=ids.RUNS_VERSION),
    ]
