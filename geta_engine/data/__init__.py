"""The DATA sources and the tasks. Checking a source imports no torch; `load` and the tasks do, on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from geta_engine.data.sources import Source, check, parse

_HOMES = {
    "Dataset": "geta_engine.data.dataset",
    "Split": "geta_engine.data.dataset",
    "load": "geta_engine.data.dataset",
    "Input": "geta_engine.data.inputs",
    "ModelInputs": "geta_engine.data.inputs",
    "model_inputs": "geta_engine.data.inputs",
    "batch_indices": "geta_engine.data.batches",
    "Batch": "geta_engine.data.tasks",
    "Task": "geta_engine.data.tasks",
    "evaluate": "geta_engine.data.tasks",
    "make_task": "geta_engine.data.tasks",
}
__all__ = [
    "Batch",
    "Dataset",
    "Input",
    "ModelInputs",
    "Source",
    "Split",
    "Task",
    "batch_indices",
    "check",
    "evaluate",
    "load",
    "make_task",
    "model_inputs",
    "parse",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'geta_engine.data' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
