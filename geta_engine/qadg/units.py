"""Labels -> units: connected components, made rectangular, pinned or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geta_engine.qadg.propagate import Propagated
from geta_engine.qadg.space import Axes, Labels, LabelSpace, Value


@dataclass(frozen=True)
class Components:
    """`of[label]` is the component of a label; `reason[c]` indexes `reasons`, -1 where the component is free."""

    count: int
    of: NDArray[np.int32]
    reason: NDArray[np.int32]
    reasons: tuple[str, ...]


def components(propagated: Propagated) -> Components:
    """One connected-components pass, repeated while a tensor would not stay a box (METHOD, section 3.2)."""
    space = propagated.space
    joint = [axes for value in every_value(propagated) for axes in value.axes if len(axes.dims) > 1]
    while True:
        count, of = _connected(space)
        if not _tie_rectangular(space, joint, of):
            break
    _pin_picks(space, of)
    reason = np.full(count, -1, np.int32)
    texts: dict[str, int] = {}
    for pin in reversed(space.pins):
        reason[of[pin.labels]] = texts.setdefault(pin.reason, len(texts))
    return Components(count, of, reason, tuple(texts))


def every_value(propagated: Propagated) -> Iterable[Value]:
    """Every labelled tensor of the program, outputs of multi-output nodes one by one."""
    for found in propagated.values.values():
        if isinstance(found, tuple):
            yield from found
        elif found is not None:
            yield found


def _connected(space: LabelSpace) -> tuple[int, NDArray[np.int32]]:
    if not space.ties:
        return space.count, np.arange(space.count, dtype=np.int32)
    a = np.concatenate([tie[0] for tie in space.ties])
    b = np.concatenate([tie[1] for tie in space.ties])
    matrix = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(space.count, space.count))
    count, of = connected_components(matrix, directed=False)
    return int(count), of.astype(np.int32)


def _tie_rectangular(space: LabelSpace, joint: list[Axes], of: NDArray[np.int32]) -> bool:
    """Where labels vary along two dims of one tensor, tie all but the first: whole rows go. True when it tied."""
    tied = False
    for axes in joint:
        array = of[axes.labels]
        varying = [i for i in range(array.ndim) if (array != np.take(array, [0], i)).any()]
        for position in varying[1:]:
            space.tie(axes.labels, np.take(axes.labels, [0], position), "")
            tied = True
    return tied


def _pin_picks(space: LabelSpace, of: NDArray[np.int32]) -> None:
    """Pin what is read on its own along an axis that can lose indices."""
    for pick in space.picks:
        array = of[pick.labels]
        if (array != np.take(array, [0], pick.axis)).any() or array.ndim == 1:
            space.pin(np.take(pick.labels, pick.index, pick.axis), pick.reason)


def mark(count: int, arrays: list[Labels]) -> NDArray[np.bool_]:
    """Which of `count` labels occur in `arrays`."""
    marked = np.zeros(count, bool)
    for labels in arrays:
        marked[labels] = True
    return marked
