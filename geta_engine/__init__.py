"""The engine: trace, analyze, prepare, train, compact, verify. Names load on first use, so that importing a
torch-free package (`geta_engine.store`, `geta_engine.drawing`) does not import torch."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_HOMES = {
    "trace": "geta_engine.trace",
    "load": "geta_engine.trace",
    "TracedModel": "geta_engine.trace",
    "analyze": "geta_engine.qadg",
    "Qadg": "geta_engine.documents.qadg",
    "Group": "geta_engine.documents.qadg",
    "Quantizer": "geta_engine.documents.qadg",
    "prepare": "geta_engine.quant",
    "QASSO": "geta_engine.qasso",
    "QASSOConfig": "geta_engine.qasso",
    "sensitivity": "geta_engine.quant.sensitivity",
    "compact": "geta_engine.compact",
    "verify": "geta_engine.compact",
    "Certificate": "geta_engine.compact",
    "cost": "geta_engine.cost",
    "export": "geta_engine.export.files",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'geta_engine' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


class _Engine(ModuleType):
    """`ge.trace`, `ge.compact`, ... are functions although packages of the same name exist: importing a package must
    not rebind the name to the module."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Engine
