"""The optimizer: stages, saliency, the joint rule, exact sparsity and bits."""

from geta_engine.qasso.optimizer import QASSO, QASSOConfig

__all__ = ["QASSO", "QASSOConfig"]
