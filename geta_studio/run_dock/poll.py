"""The one question that a page asks again and again: where its run stands, and whether the list of runs changed."""

from __future__ import annotations

from typing import Any, NamedTuple

from dash import no_update

from geta_engine.documents.runs import LiveStatus
from geta_studio.services.services import Services
from geta_studio.shell.run_words import ACTIVE

TICK_ACTIVE_MS, TICK_IDLE_MS = 250, 1500


class PollOutputs(NamedTuple):
    """What differs from what the page has, in the order of its callback's outputs."""

    live: Any
    interval: Any
    """Of the tick, in ms."""
    runs_version: Any


def poll_outputs(
    services: Services, run_id: int | None, previous: LiveStatus | None, runs_version: str | None
) -> PollOutputs:
    """The status of the run on screen and the version of the list of runs, each where it is new."""
    live, version = services.runs.live_status(run_id), services.runs.version()
    same = live == previous
    return PollOutputs(
        live=no_update if same else live,
        interval=no_update if same else tick_interval(live),
        runs_version=no_update if version == runs_version else version,
    )


def tick_interval(live: LiveStatus) -> int:
    """How often to ask, in ms: often while something can change."""
    return TICK_ACTIVE_MS if live["status"] in ACTIVE else TICK_IDLE_MS
