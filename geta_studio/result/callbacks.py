"""The Result tab follows the run on screen."""

from __future__ import annotations

from dash import Dash, Input, Output
from dash.development.base_component import Component

from geta_studio.result import ids
from geta_studio.result.card import result_of_run
from geta_studio.services.services import Services
from geta_studio.shell import ids as shared
from geta_studio.shell.stores import RunPhase


def register(app: Dash, services: Services) -> None:
    """Wire the card."""

    @app.callback(Output(ids.RESULT, "children"), Input(shared.PHASE, "data"))
    def update_result(phase: RunPhase | None) -> Component:
        return result_of_run(services, phase["run"] if phase else None)
