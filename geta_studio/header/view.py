"""The header: model and its numbers on the left; run, Runs and the theme on the right. Pure."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from geta_studio.header import ids
from geta_studio.header.page_state import PageState
from geta_studio.header.upload_deletion import delete_button
from geta_studio.shell import ids as shared
from geta_studio.shell.data_attributes import named
from geta_studio.shell.icons import icon

ANALYSIS_POLL_MS = 400


def header(first: PageState) -> Component:
    """The header as the page opens."""
    return html.Header(
        className="header",
        children=[
            dcc.Link([icon("mark"), html.Span("GETA Studio")], href="/", className="brand", id="brand"),
            dmc.Select(
                id=shared.MODEL_SELECT,
                data=first.selectors.models,
                value=first.selectors.model,
                searchable=True,
                allowDeselect=False,
                size="xs",
                w=170,
                comboboxProps={"width": 240, "position": "bottom-start"},
                nothingFoundMessage="No model of that name",
                attributes={"input": {"aria-label": "Model"}},
            ),
            html.Label(
                [icon("upload"), html.Span("Upload .pt2")],
                id=ids.MODEL_UPLOAD,
                className="upload",
                title="A model written by torch.export.save",
            ),
            delete_button(),
            html.Div(first.summary, id=ids.MODEL_SUMMARY, className="summary"),
            html.Div(className="spacer"),
            dmc.Select(
                id=shared.RUN_SELECT,
                data=first.selectors.runs,
                value=first.selectors.run,
                clearable=True,
                size="xs",
                w=250,
                placeholder="No run open",
                nothingFoundMessage="No runs yet",
                comboboxProps={"width": 320, "position": "bottom-end"},
                attributes={"input": {"aria-label": "Run"}},
            ),
            dcc.Link([icon("table"), html.Span("Runs")], href="/runs", className="ghost", id=ids.RUNS_LINK),
            html.Button(
                icon("theme"),
                id=shared.THEME_SWITCH,
                className="ghost square",
                title="Light or dark",
                **named("Light or dark"),
            ),
        ],
    )


def model_status_line() -> Component:
    """A line over the graph: how far an upload or an analysis is, or why it failed."""
    return html.Div(id=ids.MODEL_STATUS, className="model-status", role="status")


def header_stores(first: PageState) -> list[Component]:
    """What the header keeps in the browser."""
    return [
        dcc.Store(id=ids.NAMED, data=dict(first.selection) if first.selection else None),
        dcc.Store(id=ids.UPLOADED),
        dcc.Interval(id=ids.MODEL_POLL, interval=ANALYSIS_POLL_MS, disabled=first.key is not None),
    ]
