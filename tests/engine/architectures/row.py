"""What a row of the architecture suite is, and what is measured of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

import geta_engine as ge

Built = tuple[nn.Module, tuple[Any, ...], Mapping[str, Any]]
"""A model in eval mode with example args and kwargs; the batch is at least 2."""


@dataclass(frozen=True)
class Architecture:
    """One architecture, small. `share` is the least share of parameters that lie in prunable slices; `fast` rows run in
    `make test`; `error` is torch.export's own, where it cannot trace the architecture (such a row does not count);
    `pinned` are the ops without a rule that keep labels whole."""

    name: str
    build: Callable[[], Built]
    share: float = 0.95
    fast: bool = False
    error: str | None = None
    dynamic_batch: bool = True
    granularity: str = "head"
    pinned: frozenset[str] = frozenset()


def prunable_share(qadg: ge.Qadg, shapes: Mapping[str, tuple[int, ...]]) -> float:
    """Share of all parameter elements that at least one prunable unit takes along."""
    covered: dict[str, dict[int, set[int]]] = {}
    for group in qadg.prunable:
        for member in group.members:
            covered.setdefault(member.parameter, {}).setdefault(member.dim, set()).update(np.unique(member.index))
    total = kept = 0
    for name, shape in shapes.items():
        total += math.prod(shape)
        dims = covered.get(name, {})
        kept += math.prod(size - len(dims.get(dim, ())) for dim, size in enumerate(shape))
    return 1 - kept / total
