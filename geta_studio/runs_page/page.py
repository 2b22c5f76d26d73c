"""The Runs page, laid over the workspace so that the graph behind it stays as it was."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from geta_studio.runs_page import ids
from geta_studio.runs_page.grid import runs_grid, toolbar
from geta_studio.shell import ids as shared


def runs_page(*, is_open: bool = False) -> Component:
    """Table, actions, and the question before a run is deleted. The table is there once the page has been opened."""
    question = dmc.Modal(
        id=ids.RUNS_CONFIRM,
        title="Delete this run?",
        centered=True,
        size="sm",
        children=[
            html.P(id=ids.RUNS_CONFIRM_TEXT),
            html.Div(
                className="launch-row confirm-row",
                children=[
                    html.Div(className="spacer"),
                    html.Button("Keep it", id=ids.RUNS_DELETE_CANCEL, className="ghost"),
                    html.Button("Delete", id=ids.RUNS_DELETE_NOW, className="primary danger"),
                ],
            ),
        ],
    )
    return html.Div(
        id=shared.RUNS_PAGE,
        className="runs-page",
        style={"display": "none"},
        children=[
            toolbar(),
            html.Div(runs_grid() if is_open else None, id=ids.RUNS_TABLE, className="runs-table"),
            question,
        ],
    )
