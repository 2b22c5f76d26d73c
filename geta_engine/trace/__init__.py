"""Model source -> TracedModel. The only package that reads ExportedProgram."""

from geta_engine.trace.spec import load
from geta_engine.trace.traced import TracedModel, trace

__all__ = ["TracedModel", "load", "trace"]
