"""What a prunable unit is at a step of a run, as the optimizer keeps it and "units" snapshots record it."""

from __future__ import annotations

KEPT = 0
"""Trained like any other."""
REDUNDANT = 1
"""On its way to zero: it becomes zero at the end of the period."""
ZERO = 2
"""Its producer entries are 0 and stay so; compaction cuts it."""
