"""Uploads are deleted from the header: the button beside the model selector, and the question it asks."""

from __future__ import annotations

from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import html, no_update
from dash.development.base_component import Component

from geta_studio.header.page_state import model_options
from geta_studio.services.services import Services
from geta_studio.shell import ids


def delete_question() -> Component:
    """Asked before an upload is deleted."""
    return dmc.Modal(
        id=ids.MODEL_CONFIRM,
        title="Delete this model?",
        centered=True,
        size="sm",
        children=[
            html.P(id=ids.MODEL_CONFIRM_TEXT),
            html.Div(
                className="launch-row confirm-row",
                children=[
                    html.Div(className="spacer"),
                    html.Button("Keep it", id=ids.MODEL_DELETE_CANCEL, className="ghost"),
                    html.Button("Delete", id=ids.MODEL_DELETE_NOW, className="primary danger"),
                ],
            ),
        ],
    )


class Answer(NamedTuple):
    """What a press of Delete, or of a button of its question, changes on the page."""

    asks: bool
    text: Any = no_update
    model: Any = no_update
    models: Any = no_update


def answer(services: Services, button: str | None, model: str, shown: str | None) -> Answer:
    """After a press of `button`, `model` being chosen in the selector and `shown` on screen (which may be the same).

    A deleted model makes way for the one on screen, or for the first model. Raises InputError where the upload is gone.
    """
    if button == ids.MODEL_DELETE:
        name = services.library.label(model)
        return Answer(True, f"{name} and its analysis are deleted. Runs made from it keep their own copy of the model.")
    if button != ids.MODEL_DELETE_NOW:
        return Answer(False)
    services.delete_upload(model)
    after = shown if shown and shown != model else services.first_model
    return Answer(False, model=after, models=model_options(services, after))
