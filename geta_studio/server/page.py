"""The page that the studio serves: what its features show, each in its place of the frame."""

from __future__ import annotations

from dash import dcc
from dash.development.base_component import Component

from geta_studio.configure.panel import configure_panel
from geta_studio.graph.panel import graph_panel
from geta_studio.header.page_state import PageState
from geta_studio.header.upload_deletion import delete_question
from geta_studio.header.view import header, header_stores, model_status_line
from geta_studio.inspector.page import inspector_panel
from geta_studio.result.card import result_panel
from geta_studio.run_dock.panel import dock
from geta_studio.runs_page.page import runs_page
from geta_studio.shell import ids
from geta_studio.shell.frame import page_frame, side_panel, workspace


def page(first: PageState) -> Component:
    """The whole page as it opens; what changes later comes from callbacks."""
    return page_frame(
        header(first),
        workspace(
            [graph_panel(first.compared, first.stage, first.overlay, is_done=first.is_done), model_status_line()],
            side_panel(inspector_panel(), configure_panel(), result_panel(), first.tab),
            dock(first.selectors.run_id is not None),
        ),
        [runs_page(is_open=first.path == "/runs"), delete_question()],
        [*_shared_stores(first), *header_stores(first)],
    )


def _shared_stores(first: PageState) -> list[Component]:
    """The address, and what several features read or write."""
    return [
        dcc.Location(id=ids.URL, refresh=False, pathname=first.path, search=first.search),
        dcc.Store(id=ids.COLOR_SCHEME, storage_type="local"),
        dcc.Store(id=ids.MODEL_KEY, data=first.key),
        dcc.Store(id=ids.SELECTION, data=dict(first.selection) if first.selection else None),
        dcc.Store(id=ids.RUN_ID, data=first.selectors.run_id),
        dcc.Store(id=ids.PHASE),
        dcc.Store(id=ids.SNAPSHOT),
        dcc.Store(id=ids.BITS),
        dcc.Store(id=ids.PAINTED),
        dcc.Store(id=ids.RUNS_VERSION),
    ]
