"""Launching a run of the configuration on screen."""

from __future__ import annotations

from typing import NamedTuple

from geta_studio.configure.draft import ConfigFields
from geta_studio.services.services import Services
from geta_studio.shell.run_words import Choice, run_choices


class LaunchedRun(NamedTuple):
    """The run selector's new choices and value, in the order of its callback's outputs."""

    choices: list[Choice]
    run: str


def launch_run(services: Services, fields: ConfigFields) -> LaunchedRun:
    """Start a run of the checked fields. Raises InputError where the model is no longer there."""
    run_id = services.runs.launch(fields)
    return LaunchedRun(run_choices(services.runs.heads()), str(run_id))
