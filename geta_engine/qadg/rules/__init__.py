"""Rules by op family; importing this package fills the table."""

from geta_engine.qadg.rules import (
    attention,
    contraction,
    convolution,
    creation,
    elementwise,
    indexing,
    movement,
    norms,
    ordering,
    reading,
    recurrent,
    reduction,
    softmax,
    spatial,
    writing,
)
from geta_engine.qadg.rules.registry import find, rule

__all__ = [
    "attention", "contraction", "convolution", "creation", "elementwise", "find", "indexing", "movement", "norms",
    "ordering", "reading", "recurrent", "reduction", "rule", "softmax", "spatial", "writing",
]  # fmt: skip
