"""Light and dark, which page is on top and which tab is in front: all decided in the browser."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input, Output, State

from geta_studio.services.services import Services
from geta_studio.shell import ids


def register(app: Dash, services: Services) -> None:
    """Wire the theme switch and the pages."""
    app.clientside_callback(
        ClientsideFunction("geta", "nextScheme"),
        Output(ids.COLOR_SCHEME, "data"),
        Input(ids.THEME_SWITCH, "n_clicks"),
        State(ids.COLOR_SCHEME, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("geta", "preferred"),
        Output(ids.PROVIDER, "forceColorScheme"),
        Input(ids.COLOR_SCHEME, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("geta", "showPage"),
        Output(ids.RUNS_PAGE, "style"),
        Output(ids.WORKSPACE, "style"),
        Input(ids.URL, "pathname"),
    )
    app.clientside_callback(
        ClientsideFunction("geta", "frontTab"),
        Output(ids.SIDE_TABS, "value"),
        Input(ids.PHASE, "data"),
        prevent_initial_call=True,
    )
