"""The timeline of a run: its training stages to scale, and where the run stands."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from geta_engine.config import STAGES
from geta_engine.documents.runs import LiveStatus
from geta_studio.run_dock import ids
from geta_studio.shell.data_attributes import named
from geta_studio.shell.stage_bands import StageSpan, stage_band


def timeline() -> Component:
    """An empty timeline."""
    return html.Div(
        id=ids.TIMELINE,
        className="timeline",
        role="img",
        **named("Timeline of the run: its stages, to scale"),
        children=[
            html.Div(id=ids.TIMELINE_BANDS, className="bands"),
            html.Div(id=ids.TIMELINE_CURSOR, className="cursor", style={"display": "none"}),
        ],
    )


def timeline_bands(stages: Sequence[StageSpan]) -> list[Component]:
    """The stages drawn to scale."""
    return [stage_band(name, end - start, f"{STAGES[name]}: steps {start + 1} to {end}") for name, start, end in stages]


def cursor_style(live: LiveStatus | None) -> dict[str, str]:
    """Where the cursor stands on the timeline."""
    if not live or not live["run"]:
        return {"display": "none"}
    return {"left": f"{100 * live['step'] / max(1, live['steps']):.3f}%"}
