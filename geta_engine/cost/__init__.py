"""What a program costs: parameters, multiply-adds, bit operations and bytes (docs/method.md, section 5)."""

from geta_engine.cost.totals import Cost, cost

__all__ = ["Cost", "cost"]
