"""What the page shows of a model while it is analysed, when it is there, and when it fails."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypedDict

from dash import no_update

from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.drawing.labels import short_count
from geta_studio.header.model_choices import model_choices
from geta_studio.services.comparable import comparable_models
from geta_studio.services.services import Services
from geta_studio.shell.format import count
from geta_studio.shell.stores import Selection

Cause = Literal["model", "upload", "poll"]
"""What made the page ask: a choice in the selector, an upload that arrived, or the clock."""


class UploadedModel(TypedDict):
    """What the `uploaded` store holds: the answer to the last upload of this tab."""

    model: str
    name: str


class ModelOutputs(NamedTuple):
    """What following the analysis of a model changes on the page, in the order of its callback's outputs."""

    key: Any = no_update
    summary: Any = no_update
    text: str = ""
    style: str = "model-status"
    poll_off: bool = False
    uploaded: Any = no_update
    chosen: Any = no_update
    models: Any = no_update
    selection: Any = no_update
    compared: Any = no_update


class ModelQuestion(NamedTuple):
    """What the page shows and asks for when the analysis of its model is looked after."""

    cause: Cause
    polls: int
    """How many polls there were since the page opened."""
    model: str | None
    """The model chosen in the selector."""
    uploaded: str | None
    """The key of an upload that waits for its analysis."""
    on_screen: str | None
    named: Selection | None
    """What the address selects once the model is on screen."""
    compared: str | None


def model_outputs(services: Services, asked: ModelQuestion) -> ModelOutputs:
    """Follow an upload until it is on screen or another model is chosen, else the model chosen. A choice, and a page
    that opens, try an analysis again that failed before."""
    if asked.uploaded:
        return upload_outputs(services, asked.uploaded, asked.model, again=asked.cause == "upload")
    opens = asked.cause == "poll" and asked.polls == 1 and asked.on_screen is None
    return analysis_outputs(services, asked, again=asked.cause == "model" or opens)


def analysis_outputs(services: Services, asked: ModelQuestion, again: bool = False) -> ModelOutputs:
    """Follow the analysis of the chosen model: when it appears, what was selected goes, and what the address that led
    to it names is selected; what cannot stand beside it goes too. One that fails leaves all on screen as it is."""
    model = asked.model
    if model is None:
        return ModelOutputs()
    state = services.analyses.ensure_analysis(model, again)
    if state.state != "ready":
        return ModelOutputs(text=state.text, style=f"model-status {state.state}", poll_off=state.state == "failed")
    ready = ModelOutputs(summary=model_summary(services.analyses.get(model)), poll_off=True)
    if model == asked.on_screen:
        return ready
    stays = not asked.compared or asked.compared in comparable_models(services, model)
    return ready._replace(key=model, selection=asked.named, compared=no_update if stays else "")


def upload_outputs(services: Services, key: str, model: str | None, again: bool = False) -> ModelOutputs:
    """Follow the analysis of an upload: it is chosen when it is ready. When it fails `model` stays; the upload can be
    chosen later if the file itself is good."""
    state = services.analyses.ensure_analysis(key, again)
    if state.state == "ready":
        return ModelOutputs(uploaded=None, chosen=key)
    if state.state == "failed":
        models = model_choices(services, model or services.first_model)
        return ModelOutputs(text=state.text, style="model-status failed", poll_off=True, uploaded=None, models=models)
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
