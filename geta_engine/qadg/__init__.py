"""From a traced program to groups of units and placed quantizers."""

from geta_engine.qadg.analyze import analyze

__all__ = ["analyze"]
