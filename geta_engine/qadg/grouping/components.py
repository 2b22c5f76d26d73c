"""Labels -> units: connected components, made rectangular, pinned or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geta_engine.qadg.labels.space import Labels, LabelSpace, RectangularConstraint, SharedOperand
from geta_engine.qadg.propagate import Propagated


@dataclass(frozen=True)
class Components:
    """`of[label]` is the component of a label; `reason[c]` indexes `reasons`, -1 where the component is free."""

    count: int
    of: NDArray[np.int32]
    reason: NDArray[np.int32]
    reasons: tuple[str, ...]


def components(propagated: Propagated) -> Components:
    """Connected components of the ties, made coarser until every tensor stays a box (docs/method.md, section 3.2).

    First the joint arrays: along which axis do whole indices go? Then what several slices share: it goes with a whole
    index of the other axes, or stays. Either may tie more, so both are asked again until nothing changes.
    """
    space = propagated.space
    count, of = _connected(space.count, space.ties)
    boxes = _joint_arrays(propagated)
    shares = list(space.shares)
    settled = len(space.ties)
    while True:
        _make_boxes(space, boxes, of)
        if len(space.ties) == settled:
            shares = _settle_shares(space, shares, of)
        if len(space.ties) == settled:
            break
        count, finer = _connected(count, [(of[a], of[b], "") for a, b, _ in space.ties[settled:]])
        of, settled = finer[of], len(space.ties)
    for share in shares:
        space.pin(share.small, f"`{share.node}` reads it for every head or group: it stays while these go whole")
    _pin_picks(space, of)
    reason = np.full(count, -1, np.int32)
    texts: dict[str, int] = {}
    for pin in reversed(space.pins):
        reason[of[pin.labels]] = texts.setdefault(pin.reason, len(texts))
    return Components(count, of, reason, tuple(texts))


def _joint_arrays(propagated: Propagated) -> list[RectangularConstraint]:
    """Label arrays over several dims, each once."""
    constraints = {id(box.labels): box for box in propagated.space.boxes}
    for node, values in propagated.values.items():
        for value in values if isinstance(values, tuple) else (values,):
            if value is not None:
                for axes in value.axes:
                    if len(axes.dims) > 1:
                        constraints.setdefault(id(axes.labels), RectangularConstraint(axes.labels, node.name))
    return list(constraints.values())


def _connected(count: int, ties: Sequence[tuple[Labels, Labels, str]]) -> tuple[int, NDArray[np.int32]]:
    if not ties:
        return count, np.arange(count, dtype=np.int32)
    a = np.concatenate([tie[0] for tie in ties])
    b = np.concatenate([tie[1] for tie in ties])
    matrix = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(count, count))
    constraints, of = connected_components(matrix, directed=False)
    return int(constraints), of.astype(np.int32)


def _make_boxes(space: LabelSpace, boxes: list[RectangularConstraint], of: NDArray[np.int32]) -> None:
    """Where labels vary along several axes of one array, whole indices go along the axis that leaves the most units."""
    for box in boxes:
        array = of[box.labels]
        varying = [i for i in range(array.ndim) if _varies(array, i)]
        if len(varying) < 2:
            continue
        best = max(varying, key=lambda i: _distinct_along(array, i))
        for position in varying:
            if position != best:
                space.tie(box.labels, np.take(box.labels, [0], position), box.node)


def _varies(array: NDArray[np.int32], axis: int) -> bool:
    return bool((array != np.take(array, [0], axis)).any())


def _distinct_along(array: NDArray[np.int32], axis: int) -> int:
    """How many units an axis can lose at most: indices whose labels are not yet one with another's."""
    lines = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    return len(np.unique(lines.min(axis=1)))


def _settle_shares(space: LabelSpace, shares: list[SharedOperand], of: NDArray[np.int32]) -> list[SharedOperand]:
    """Tie what must be; return the shares that hold without a tie, since what reads them goes in whole slices."""
    remaining = []
    for share in shares:
        array = of[share.big]
        long_axes = [i for i, size in enumerate(share.small.shape) if size > 1]
        if any(_varies(array, i) for i in long_axes):
            space.tie(share.big, share.small, share.node)
        else:
            remaining.append(share)
    return remaining


def _pin_picks(space: LabelSpace, of: NDArray[np.int32]) -> None:
    """Pin what is read on its own along an axis that can lose indices."""
    for pick in space.picks:
        array = of[pick.labels]
        if _varies(array, pick.axis) or array.ndim == 1:
            space.pin(np.take(pick.labels, pick.index, pick.axis), pick.reason)


def mark(count: int, arrays: list[Labels]) -> NDArray[np.bool_]:
    """Which of `count` labels occur in `arrays`."""
    marked = np.zeros(count, bool)
    for labels in arrays:
        marked[labels] = True
    return marked
