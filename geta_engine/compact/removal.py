"""Which indices of which tensor go: unit masks and blocks -> kept indices, as numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geta_engine.documents.qadg import Block, Qadg
from geta_engine.errors import CheckFailed


@dataclass(frozen=True)
class Removal:
    """`zero[unit]` marks the units that go, over all units of the graph."""

    qadg: Qadg
    zero: NDArray[np.bool_]

    def kept(self, node: str, output: int | None = None) -> dict[int, NDArray[np.int64]]:
        """dim -> kept indices, for each dim of a traced tensor that loses any.

        Raises CheckFailed when what is left of the tensor would not be a box.
        """
        removed: dict[int, NDArray[np.int64]] = {}
        for block in self._blocks(node, output):
            gone = np.append(self.zero, False)[block.units]
            if gone.any():
                removed.update(_box(node, block, gone))
        return removed

    def _blocks(self, node: str, output: int | None) -> tuple[Block, ...]:
        blocks = self.qadg.blocks.get(node, ())
        if output is not None and blocks and isinstance(blocks[0], tuple):
            return blocks[output]  # type: ignore[return-value]
        if output is not None:
            return blocks[output] if output < len(blocks) else ()  # type: ignore[return-value]
        return blocks  # type: ignore[return-value]


def _box(node: str, block: Block, gone: NDArray[np.bool_]) -> dict[int, NDArray[np.int64]]:
    kept = {}
    for axis, dim in enumerate(block.dims):
        whole = gone.all(axis=tuple(a for a in range(gone.ndim) if a != axis))
        if whole.any():
            kept[dim] = np.flatnonzero(~whole)
    outside = gone.copy()
    for axis, dim in enumerate(block.dims):
        if dim in kept:
            outside = np.take(outside, kept[dim], axis)
    if outside.any():
        raise CheckFailed(f"removing units would leave holes in the tensor of `{node}`: please report this model")
    return kept
