"""Snapshots: what every quantizer and every unit of a run is like after a step, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

SnapshotKind = Literal["quantizers", "units", "gamma", "cosines", "saliency", "bit_losses"]
BITS = 0
"""The column of the bit width in a snapshot of quantizers."""
NORM, STATE = 0, 1
"""The columns of a snapshot of units."""
KEPT = 0
"""A unit that is trained like any other."""
REDUNDANT = 1
"""A unit on its way to zero: it becomes zero at the end of the period."""
ZERO = 2
"""A unit whose producer entries are 0 and stay so; compaction cuts it."""


@dataclass(frozen=True, slots=True)
class SnapshotEvent:
    """An array at a step: float32, 2-d.

    "quantizers": n_quantizers x [b, d, q_m, t]; "units": n_units x [norm, state]; "gamma": 1 x n_prunable_groups;
    "cosines": [cos_g, cos_d] x n_prunable_groups; "saliency": 1 x n_units;
    "bit_losses": n_quantizers x widths 0 to 16, nats an example, NaN where a width is outside the bounds; once, when
    the bits are chosen.
    """

    step: int
    kind: SnapshotKind
    values: np.ndarray
