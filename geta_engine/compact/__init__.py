"""Cut the program and prove it."""

from geta_engine.compact.cut import compact
from geta_engine.compact.verify import Certificate, verify

__all__ = ["Certificate", "compact", "verify"]
