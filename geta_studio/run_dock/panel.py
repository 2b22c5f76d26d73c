"""The run dock: controls, timeline and status above four live figures."""

from __future__ import annotations

from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from geta_studio.run_dock import ids
from geta_studio.run_dock.controls import control_buttons
from geta_studio.run_dock.timeline import timeline
from geta_studio.shell.data_attributes import Attributes
from geta_studio.shell.figure_style import empty_figure
from geta_studio.shell.icons import icon

FIRST_TICK_MS = 250


class FigureTitle(NamedTuple):
    """The title of a figure as (text, colour key) parts, and what its marks mean."""

    parts: tuple[tuple[str, str], ...]
    meaning: str


LOSS_TITLE = FigureTitle(
    (("Loss", "dark"), ("accuracy", "accent")), "Training loss, left; accuracy on the test set, right"
)
NORMS_TITLE = FigureTitle(
    (("Unit norms", "dark"),),
    "A row a unit, a column a step: darker than at the start is a norm that grew; orange is redundant, black zero",
)
BITS_TITLE = FigureTitle(
    (("Weight bits", "accent"), ("activation", "second")), "A line a quantizer; the band is its bounds"
)
COST_TITLE = FigureTitle(
    (("Relative BOPs", "accent"), ("sparsity", "second")),
    "Bit operations as a share of the 32-bit dense model, left; share of zero units, right",
)


def dock(run_open: bool) -> Component:
    """The whole dock; low while no run is open."""
    export: Attributes = {"aria-disabled": "true"}
    return html.Section(
        id=ids.DOCK,
        className="dock",
        children=[
            html.Div(
                className="dock-bar",
                children=[
                    control_buttons(),
                    html.Div(
                        [
                            timeline(),
                            html.P(_no_run(), id=ids.DOCK_EMPTY, className="dock-empty", style=empty_style(run_open)),
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
                        **export,
                    ),
                ],
            ),
            html.Div(id=ids.RUN_MESSAGE, className="run-message", role="status"),
            html.Div(html.Div(id=ids.DOCK_FIGURES, className="figure-row"), className="figures"),
            dcc.Store(id=ids.LIVE),
            dcc.Store(id=ids.TICK_DUE),
            dcc.Interval(id=ids.TICK, interval=FIRST_TICK_MS),
        ],
    )


def empty_style(run_open: bool) -> dict[str, str]:
    """The empty state covers the timeline, and keeps the dock low (assets/css/app.css), until a run is open."""
    return {"display": "none"} if run_open else {}


def _no_run() -> list[Component]:
    return [
        html.Strong("No run is open"),
        html.Span("Set bit bounds and a sparsity under Configure, then press Launch: the curves of the run grow here."),
    ]


def figure_row() -> list[Component]:
    """The four figures; they are mounted once the graph is drawn, since loading Plotly would hold it up."""
    return [
        _figure(LOSS_TITLE, ids.LOSS_FIGURE, ids.LOSS_NOW),
        _figure(NORMS_TITLE, ids.NORMS_FIGURE, ids.NORMS_NOW, _group_chooser()),
        _figure(BITS_TITLE, ids.BITS_FIGURE, ids.BITS_NOW),
        _figure(COST_TITLE, ids.COST_FIGURE, ids.COST_NOW),
    ]


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


def _figure(title: FigureTitle, identity: str, now: str, chooser: Component | None = None) -> Component:
    config: Any = {"displayModeBar": False, "responsive": True, "doubleClick": "autosize", "showTips": False}
    return html.Figure(
        className="figure",
        children=[
            html.Figcaption([_title(title), chooser, html.Span(id=now, className="figure-now")]),
            dcc.Graph(id=identity, figure=empty_figure("light"), config=config, className="plot", responsive=True),
        ],
    )


def _title(title: FigureTitle) -> Component:
    """The parts in the colours of their lines, so that the title is the legend."""
    keys = [html.Span(text, className=f"key-{key}") for text, key in title.parts]
    parts = [part for key in keys for part in (" · ", key)][1:]
    return html.Span(parts, className="figure-title", title=title.meaning)
