"""Which models can stand beside the one on screen."""

from __future__ import annotations

from geta_studio.services.services import Services


def comparable_models(services: Services, key: str | None) -> dict[str, str]:
    """What can stand beside a model, by key: the compact models of its finished runs; beside one of these, those of the
    other runs of the same model, and that model."""
    run = services.runs.source_run(key)
    others = services.runs.comparable_runs(run) if run else services.runs.runs_with_compact_model(key)
    choices = {f"compact-{other.id}": f"compact model of run {other.id}" for other in others}
    if run is None:
        return choices
    dense = services.library.key_of(run)
    return {**choices, dense: f"the dense {services.library.label(dense)}"}
