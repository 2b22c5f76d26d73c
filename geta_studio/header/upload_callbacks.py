"""Wires the deletion of uploads; that a model is uploaded is followed in `callbacks`."""

from __future__ import annotations

import asyncio
from typing import Any

from dash import Dash, Input, Output, State, ctx

from geta_studio.header.uploads import answer
from geta_studio.services.services import Services
from geta_studio.shell import ids


def register(app: Dash, services: Services) -> None:
    """Wire the button, which is there while an upload is chosen, and its question."""
    app.clientside_callback(
        "(model) => ({ display: (model || '').startsWith('upload-') ? '' : 'none' })",
        Output(ids.MODEL_DELETE, "style"),
        Input(ids.MODEL_SELECT, "value"),
    )

    @app.callback(
        Output(ids.MODEL_CONFIRM, "opened"),
        Output(ids.MODEL_CONFIRM_TEXT, "children"),
        Output(ids.MODEL_SELECT, "value", allow_duplicate=True),
        Output(ids.MODEL_SELECT, "data", allow_duplicate=True),
        Input(ids.MODEL_DELETE, "n_clicks"),
        Input(ids.MODEL_DELETE_NOW, "n_clicks"),
        Input(ids.MODEL_DELETE_CANCEL, "n_clicks"),
        State(ids.MODEL_SELECT, "value"),
        State(ids.MODEL_KEY, "data"),
        prevent_initial_call=True,
    )
    async def delete(_: Any, __: Any, ___: Any, model: str, shown: str | None) -> tuple[Any, ...]:
        return tuple(await asyncio.to_thread(answer, services, ctx.triggered_id, model, shown))
