"""The buttons that steer a run: which can be used in which status, and what each sends."""

from __future__ import annotations

from typing import NamedTuple

from dash import html
from dash.development.base_component import Component

from geta_engine.documents.commands import Command, Pause, Resume, Step, Stop
from geta_engine.documents.runs import Status
from geta_studio.run_dock import ids
from geta_studio.services.services import Services
from geta_studio.shell.icons import icon
from geta_studio.shell.run_words import ACTIVE, RESUMABLE

COMMANDS: dict[str, Command] = {ids.PAUSE: Pause(), ids.RESUME: Resume(), ids.STEP: Step(), ids.STOP: Stop()}
_BUTTONS = (
    (ids.PAUSE, "pause", "Pause", "Pause after the current step"),
    (ids.RESUME, "play", "Resume", "Go on from where the run stands"),
    (ids.STEP, "step", "Step", "Do one step, then pause again"),
    (ids.STOP, "stop", "Stop", "Stop the run; what it recorded is kept"),
)


class UsableControls(NamedTuple):
    """Which of the run controls can be used."""

    pause: bool
    resume: bool
    step: bool
    stop: bool


def usable_controls(status: Status | None) -> UsableControls:
    """Which controls a status allows; none without a run."""
    return UsableControls(
        pause=status in ("queued", "running"),
        resume=status in RESUMABLE,
        step=status == "paused",
        stop=status in ACTIVE,
    )


def send_command(services: Services, button: str | None, run_id: int | None) -> bool:
    """Send the command of a button to the run on screen; False where there is neither.

    Raises InputError where the run's status does not allow the command.
    """
    if run_id is None or button not in COMMANDS:
        return False
    services.runs.send(run_id, COMMANDS[button])
    return True


def control_buttons() -> Component:
    """Pause, Resume, Step and Stop, all off until there is a run."""
    return html.Div([_button(*button) for button in _BUTTONS], className="controls", role="group")


def _button(identity: str, symbol: str, text: str, title: str) -> Component:
    return html.Button([icon(symbol), html.Span(text)], id=identity, className="control", title=title, disabled=True)
