"""The DATA sources and the task. Checking a source imports no torch; `load` and the task do, on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from geta_engine.data.sources import Source, check, parse

_HOMES = {
    "Dataset": "geta_engine.data.dataset",
    "load": "geta_engine.data.dataset",
    "Classification": "geta_engine.data.tasks",
    "Task": "geta_engine.data.tasks",
    "batch_indices": "geta_engine.data.tasks",
}
__all__ = ["Classification", "Dataset", "Source", "Task", "batch_indices", "check", "load", "parse"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'geta_engine.data' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
