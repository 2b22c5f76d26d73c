"""The icons of the studio."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from geta_studio.shell.data_attributes import Attributes


def icon(name: str) -> Component:
    """An icon of assets/icons, drawn in the colour of the text around it."""
    hidden: Attributes = {"aria-hidden": "true"}
    return html.Span(className=f"icon icon-{name}", **hidden)
