"""Shape constants of a traced program, rewritten for what is left; importing this package fills the table."""

from geta_engine.compact.rewrites import channels, norms, positions, sizes
from geta_engine.compact.rewrites.registry import rewrite

__all__ = ["channels", "norms", "positions", "rewrite", "sizes"]
