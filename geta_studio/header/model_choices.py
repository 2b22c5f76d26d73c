"""The choices of the model selector."""

from __future__ import annotations

from geta_studio.services.services import Services
from geta_studio.shell.run_words import Choice


def model_choices(services: Services, model: str) -> list[Choice]:
    """Those of the library, and the model on screen where it is none of these."""
    choices: list[Choice] = [{"value": o["value"], "label": o["label"]} for o in services.library.options()]
    if model in {choice["value"] for choice in choices}:
        return choices
    return [{"value": model, "label": services.library.label(model)}, *choices]
