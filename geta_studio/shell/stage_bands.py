"""The training stages of a run, drawn to scale as flex items."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from geta_engine.config import STAGES

StageSpan = tuple[str, int, int]
"""A training stage: (name, first step, one past the last step); steps count from 0."""


def stage_band(stage: str, length: int, title: str) -> Component:
    """A stage that grows with its length; its name is shown where there is room for all of it."""
    name = html.Span(STAGES[stage], className="band-name")
    return html.Div(name, className=f"band stage-{stage}", style={"flexGrow": length}, title=title)
