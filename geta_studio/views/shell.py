"""The frame of the workspace: header, side panel, dock. Pure: nothing here knows a store or a callback."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from geta_studio import ids
from geta_studio.screens import Opening
from geta_studio.views.figures import empty_figure

STAGE_NAMES = {"warmup": "warm-up", "projection": "projection", "joint": "joint", "cooldown": "cool-down"}


def icon(name: str) -> Component:
    """An icon of assets/icons, drawn in the colour of the text around it."""
    return html.Span(className=f"icon icon-{name}", **{"aria-hidden": "true"})


def header(first: Opening) -> Component:
    """Name, model and its numbers on the left; run, Runs and the theme on the right."""
    return html.Header(
        className="header",
        children=[
            dcc.Link([icon("mark"), html.Span("GETA Studio")], href="/", className="brand", id="brand"),
            dmc.Select(
                id=ids.MODEL_SELECT,
                data=first.screen.models,
                value=first.screen.model,
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
            html.Div(first.summary, id=ids.MODEL_SUMMARY, className="summary"),
            html.Div(className="spacer"),
            dmc.Select(
                id=ids.RUN_SELECT,
                data=first.screen.runs,
                value=first.screen.run,
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
                id=ids.THEME_SWITCH,
                className="ghost square",
                title="Light or dark",
                **_label("Light or dark"),
            ),
        ],
    )


def side_panel(inspector: Component, configure: Component) -> Component:
    """Inspect, Configure and Result, one at a time; all three stay mounted so that nothing typed is lost."""
    return html.Aside(
        className="side",
        children=dmc.Tabs(
            id=ids.SIDE_TABS,
            value="configure",
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
                dmc.TabsPanel(html.Div(id=ids.RESULT), value="result", className="side-body"),
            ],
        ),
    )


def dock() -> Component:
    """Run controls, timeline and status above four live figures."""
    return html.Section(
        id=ids.DOCK,
        className="dock",
        children=[
            html.Div(
                className="dock-bar",
                children=[
                    html.Div([_control(*control) for control in CONTROLS], className="controls", role="group"),
                    html.Div(
                        id=ids.TIMELINE,
                        className="timeline",
                        role="img",
                        children=[
                            html.Div(id=ids.TIMELINE_BANDS, className="bands"),
                            html.Div(id=ids.TIMELINE_CURSOR, className="cursor", style={"display": "none"}),
                        ],
                    ),
                    html.Div(
                        className="run-now",
                        children=[html.Span(id=ids.RUN_STEP, className="run-step"), html.Span(id=ids.RUN_STATUS)],
                    ),
                    html.A(
                        [icon("download"), html.Span("Compact .pt2")],
                        id=ids.EXPORT,
                        className="ghost export",
                        **{"aria-disabled": "true"},
                    ),
                ],
            ),
            html.Div(id=ids.RUN_MESSAGE, className="run-message", role="status"),
            html.Div(
                className="figures",
                children=[
                    _figure("Loss · accuracy", ids.LOSS_FIGURE, ids.LOSS_NOW),
                    _figure("Unit norms", ids.NORMS_FIGURE, ids.NORMS_NOW, _group_chooser()),
                    _figure("Bit widths", ids.BITS_FIGURE, ids.BITS_NOW),
                    _figure("Relative BOPs · sparsity", ids.COST_FIGURE, ids.COST_NOW),
                    html.Div(id=ids.DOCK_EMPTY, className="dock-empty", children=no_run()),
                ],
            ),
        ],
    )


CONTROLS = (
    (ids.PAUSE, "pause", "Pause", "Pause after the current step"),
    (ids.RESUME, "play", "Resume", "Go on from where the run stands"),
    (ids.STEP, "step", "Step", "Do one step, then pause again"),
    (ids.STOP, "stop", "Stop", "Stop the run; what it recorded is kept"),
)


def no_run() -> list[Component]:
    """What the dock says while no run is open."""
    return [
        html.Strong("No run is open"),
        html.Span("Set bit bounds and a sparsity under Configure, then launch: loss, norms, bits and cost grow here."),
    ]


def _control(identity: str, symbol: str, text: str, title: str) -> Component:
    return html.Button([icon(symbol), html.Span(text)], id=identity, className="control", title=title, disabled=True)


def _group_chooser() -> Component:
    return dmc.Select(
        id=ids.NORMS_GROUP,
        data=[{"value": "all", "label": "all groups"}],
        value="all",
        allowDeselect=False,
        size="xs",
        variant="unstyled",
        className="group-chooser",
        comboboxProps={"width": 260, "position": "top-start"},
        attributes={"input": {"aria-label": "Group whose norms are drawn"}},
    )


def _figure(title: str, identity: str, now: str, chooser: Component | None = None) -> Component:
    config = {"displayModeBar": False, "responsive": True, "doubleClick": "reset", "showTips": False}
    return html.Figure(
        className="figure",
        children=[
            html.Figcaption(
                [html.Span(title, className="figure-title"), chooser, html.Span(id=now, className="figure-now")]
            ),
            dcc.Graph(id=identity, figure=empty_figure("light"), config=config, className="plot", responsive=True),
        ],
    )


def _label(text: str) -> dict[str, Any]:
    return {"aria-label": text}
