"""What of the dock changes with the status of the run alone: controls, timeline, empty state, download."""

from __future__ import annotations

from typing import NamedTuple

from dash.development.base_component import Component

from geta_studio.run_dock.controls import UsableControls, usable_controls
from geta_studio.run_dock.panel import empty_style
from geta_studio.run_dock.timeline import timeline_bands
from geta_studio.services.services import Services
from geta_studio.shell.stores import RunPhase


class PhaseOutputs(NamedTuple):
    """Properties of the dock, in the order of their callback's outputs."""

    pause_off: bool
    resume_off: bool
    step_off: bool
    stop_off: bool
    bands: list[Component]
    empty_style: dict[str, str]
    export_href: str | None
    export_disabled: str


def phase_outputs(services: Services, phase: RunPhase | None) -> PhaseOutputs:
    """The dock for a run and its status."""
    if not phase or phase["run"] is None:
        return PhaseOutputs(*_off(usable_controls(None)), [], empty_style(False), None, "true")
    run = services.runs.get(phase["run"])
    stages = run.config.schedule.stages()
    compact = services.runs.compact_file(run.id) is not None
    return PhaseOutputs(
        *_off(usable_controls(phase["status"])),
        timeline_bands(stages),
        empty_style(True),
        f"/api/runs/{run.id}/compact.pt2" if compact else None,
        "false" if compact else "true",
    )


def _off(usable: UsableControls) -> tuple[bool, bool, bool, bool]:
    return not usable.pause, not usable.resume, not usable.step, not usable.stop
