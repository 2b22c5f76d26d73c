"""The small model as files."""

from geta_engine.export.files import export

__all__ = ["export"]
