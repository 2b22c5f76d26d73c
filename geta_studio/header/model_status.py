"""What the page shows of a model while it is analysed, when it is there, and when it fails."""

from __future__ import annotations

from typing import Any, NamedTuple

from dash import no_update

from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.drawing.labels import short_count
from geta_studio.services.comparable import comparable_models
from geta_studio.services.services import Services
from geta_studio.shell.format import count
from geta_studio.shell.stores import Selection


class ModelOutputs(NamedTuple):
    """What following the analysis of a model changes on the page, in the order of its callback's outputs."""

    key: Any = no_update
    summary: Any = no_update
    text: str = ""
    style: str = "model-status"
    poll_off: bool = False
    uploaded: Any = no_update
    chosen: Any = no_update
    selection: Any = no_update
    compared: Any = no_update


def analysis_outputs(
    services: Services, model: str | None, on_screen: str | None, named: Selection | None, compared: str | None
) -> ModelOutputs:
    """Follow the analysis of the chosen model: when it appears, what was selected goes, and what the address that led
    to it names is selected; what cannot stand beside it goes too. One that fails leaves all on screen as it is."""
    if model is None:
        return ModelOutputs()
    state = services.analyses.ensure_analysis(model)
    if state.state != "ready":
        return ModelOutputs(text=state.text, style=f"model-status {state.state}", poll_off=state.state == "failed")
    ready = ModelOutputs(summary=model_summary(services.analyses.get(model)), poll_off=True)
    if model == on_screen:
        return ready
    stays = not compared or compared in comparable_models(services, model)
    return ready._replace(key=model, selection=named, compared=no_update if stays else "")


def upload_outputs(services: Services, key: str) -> ModelOutputs:
    """Follow the analysis of an upload: it is chosen when it is ready, and dropped with a sentence when it fails."""
    state = services.analyses.ensure_analysis(key)
    if state.state == "ready":
        return ModelOutputs(uploaded=None, chosen=key)
    if state.state == "failed":
        services.analyses.discard(key)
        return ModelOutputs(text=state.text, style="model-status failed", poll_off=True, uploaded=None)
    return ModelOutputs(text=state.text, style="model-status working")


def model_summary(analysis: AnalysisDocument | None) -> str:
    """ "272.5 k parameters · 12 groups · 448 units · 43 quantizers"."""
    if analysis is None:
        return ""
    facts = (
        (short_count(analysis["model"]["params"]), "parameters"),
        (count(sum(group["prunable"] for group in analysis["groups"])), "groups"),
        (count(analysis["prunable_units"]), "units"),
        (count(len(analysis["quantizers"])), "quantizers"),
    )
    return " · ".join(f"{number} {name}" for number, name in facts)
