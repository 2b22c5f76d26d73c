"""The frame of the workspace: header, side panel, dock. Pure: nothing here knows a store or a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from geta_studio.run_dock.figures import empty_figure
from geta_studio.shell import ids

if TYPE_CHECKING:
    from geta_studio.header.page_state import Opening


def icon(name: str) -> Component:
    """An icon of assets/icons, drawn in the colour of the text around it."""
    return html.Span(className=f"icon icon-{name}", **_wild(aria_hidden="true"))


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
            html.Button(
                icon("trash"),
                id=ids.MODEL_DELETE,
                className="ghost square",
                title="Delete this upload",
                style={"display": "none"},
                **_wild(aria_label="Delete this upload"),
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
                **_wild(aria_label="Light or dark"),
            ),
        ],
    )


def side_panel(inspector: Component, configure: Component, front: str) -> Component:
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
                dmc.TabsPanel(html.Div(id=ids.RESULT), value="result", className="side-body"),
            ],
        ),
    )


def dock(run_open: bool) -> Component:
    """Run controls, timeline and status above four live figures; low while no run is open."""
    return html.Section(
        id=ids.DOCK,
        className="dock",
        children=[
            html.Div(
                className="dock-bar",
                children=[
                    html.Div([_control(*control) for control in CONTROLS], className="controls", role="group"),
                    html.Div(
                        [
                            _timeline(),
                            html.P(no_run(), id=ids.DOCK_EMPTY, className="dock-empty", style=empty_style(run_open)),
                        ],
                        className="timeline-area",
                    ),
                    html.Div(
                        className="run-now",
                        children=[html.Span(id=ids.RUN_STEP, className="run-step"), html.Span(id=ids.RUN_STATUS)],
                    ),
                    html.A(
                        [icon("download"), html.Span("Compact .pt2")],
                        id=ids.EXPORT,
                        className="ghost export",
                        **_wild(aria_disabled="true"),
                    ),
                ],
            ),
            html.Div(id=ids.RUN_MESSAGE, className="run-message", role="status"),
            html.Div(html.Div(id=ids.DOCK_FIGURES, className="figure-row"), className="figures"),
        ],
    )


def _timeline() -> Component:
    return html.Div(
        id=ids.TIMELINE,
        className="timeline",
        role="img",
        **_wild(aria_label="Timeline of the run: its stages, to scale"),
        children=[
            html.Div(id=ids.TIMELINE_BANDS, className="bands"),
            html.Div(id=ids.TIMELINE_CURSOR, className="cursor", style={"display": "none"}),
        ],
    )


def figures() -> list[Component]:
    """The four figures; they are mounted once the graph is drawn, since loading Plotly would hold it up."""
    return [
        _figure(LOSS_TITLE, ids.LOSS_FIGURE, ids.LOSS_NOW),
        _figure(NORMS_TITLE, ids.NORMS_FIGURE, ids.NORMS_NOW, _group_chooser()),
        _figure(BITS_TITLE, ids.BITS_FIGURE, ids.BITS_NOW),
        _figure(COST_TITLE, ids.COST_FIGURE, ids.COST_NOW),
    ]


class Title(NamedTuple):
    """The title of a figure as (text, colour key) parts, and what its marks mean."""

    parts: tuple[tuple[str, str], ...]
    meaning: str


LOSS_TITLE = Title((("Loss", "dark"), ("accuracy", "accent")), "Training loss, left; accuracy on the test set, right")
NORMS_TITLE = Title(
    (("Unit norms", "dark"),),
    "A row a unit, a column a step: darker than at the start is a norm that grew; orange is redundant, black zero",
)
BITS_TITLE = Title((("Weight bits", "accent"), ("activation", "second")), "A line a quantizer; the band is its bounds")
COST_TITLE = Title(
    (("Relative BOPs", "accent"), ("sparsity", "second")),
    "Bit operations as a share of the 32-bit dense model, left; share of zero units, right",
)

CONTROLS = (
    (ids.PAUSE, "pause", "Pause", "Pause after the current step"),
    (ids.RESUME, "play", "Resume", "Go on from where the run stands"),
    (ids.STEP, "step", "Step", "Do one step, then pause again"),
    (ids.STOP, "stop", "Stop", "Stop the run; what it recorded is kept"),
)


def empty_style(run_open: bool) -> dict[str, str]:
    """The empty state covers the timeline, and keeps the dock low (assets/app.css), until a run is open."""
    return {"display": "none"} if run_open else {}


def no_run() -> list[Component]:
    """What the dock says while no run is open."""
    return [
        html.Strong("No run is open"),
        html.Span("Set bit bounds and a sparsity under Configure, then press Launch: the curves of the run grow here."),
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


def _figure(title: Title, identity: str, now: str, chooser: Component | None = None) -> Component:
    config: Any = {"displayModeBar": False, "responsive": True, "doubleClick": "autosize", "showTips": False}
    return html.Figure(
        className="figure",
        children=[
            html.Figcaption([_title(title), chooser, html.Span(id=now, className="figure-now")]),
            dcc.Graph(id=identity, figure=empty_figure("light"), config=config, className="plot", responsive=True),
        ],
    )


def _title(title: Title) -> Component:
    """The parts in the colours of their lines, so that the title is the legend."""
    keys = [html.Span(text, className=f"key-{key}") for text, key in title.parts]
    parts = [part for key in keys for part in (" · ", key)][1:]
    return html.Span(parts, className="figure-title", title=title.meaning)


def _wild(**attributes: str) -> dict[str, Any]:
    """Attributes with a dash in their names: aria_label -> aria-label."""
    return {name.replace("_", "-"): value for name, value in attributes.items()}
