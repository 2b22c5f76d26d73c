"""Rules by op family; importing this package fills the table."""

from geta_engine.qadg.rules import attention, contraction, elementwise, movement, norms, spatial
from geta_engine.qadg.rules.registry import find, rule

__all__ = ["attention", "contraction", "elementwise", "find", "movement", "norms", "rule", "spatial"]
