"""Deletes an upload from the header, after a question."""

from __future__ import annotations

from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import html, no_update
from dash.development.base_component import Component

from geta_studio.header import ids
from geta_studio.header.model_choices import model_choices
from geta_studio.services.services import Services
from geta_studio.shell.data_attributes import named
from geta_studio.shell.icons import icon


def delete_button() -> Component:
    """Beside the model selector; it is there while an upload is chosen."""
    return html.Button(
        icon("trash"),
        id=ids.MODEL_DELETE,
        className="ghost square",
        title="Delete this upload",
        style={"display": "none"},
        **named("Delete this upload"),
    )


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


class DeletionOutputs(NamedTuple):
    """What a press of Delete, or of a button of its question, changes: in the order of its callback's outputs."""

    asks: bool
    text: Any = no_update
    model: Any = no_update
    models: Any = no_update


def deletion_outputs(services: Services, button: str | None, model: str, on_screen: str | None) -> DeletionOutputs:
    """After a press of `button`, while `model` is chosen in the selector.

    A deleted model makes way for the one on screen, or for the first model. Raises InputError where the upload is gone.
    """
    if button == ids.MODEL_DELETE:
        text = f"{services.library.label(model)} and its analysis are deleted. "
        return DeletionOutputs(True, f"{text}Runs made from it keep their own copy of the model.")
    if button != ids.MODEL_DELETE_NOW:
        return DeletionOutputs(False)
    services.delete_upload(model)
    after = on_screen if on_screen and on_screen != model else services.first_model
    return DeletionOutputs(False, model=after, models=model_choices(services, after))
