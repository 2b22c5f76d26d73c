"""Teaching and reference architectures, one file each, with example inputs; importing the names needs no torch."""

from __future__ import annotations

from geta_engine.zoo.names import ZOO
from geta_engine.zoo.registry import build

__all__ = ["ZOO", "build"]
