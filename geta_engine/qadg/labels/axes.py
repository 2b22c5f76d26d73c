"""Moving labels: pure functions Axes -> Axes that rules are made of. Shapes are example shapes (plain integers)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from geta_engine.qadg.labels.space import Axes, LabelSpace, RectangularConstraint, Value


def simplify(axes: Axes) -> Axes:
    """Drop dims along which neither label nor zero varies, unless none would be left."""
    shape = axes.labels.shape
    if len(shape) == 1:
        return axes
    keep = [i for i in range(len(shape)) if _varies(axes, i)]
    if len(keep) == len(shape):
        return axes
    keep = keep or [int(np.argmax(shape))]
    index = tuple(slice(None) if i in keep else 0 for i in range(len(shape)))
    return Axes(tuple(axes.dims[i] for i in keep), axes.labels[index], axes.zero[index], axes.is_expanded_copy)


def _varies(axes: Axes, position: int) -> bool:
    if axes.labels.shape[position] == 1:
        return False
    first = [slice(None)] * axes.labels.ndim
    first[position] = slice(0, 1)
    at = tuple(first)
    return bool((axes.labels != axes.labels[at]).any() or (axes.zero != axes.zero[at]).any())


def spread(axes: Axes, dims: Sequence[int], sizes: Sequence[int]) -> Axes:
    """Repeat labels along more dims, so that `axes` covers exactly `dims` (ascending) of the given sizes."""
    if axes.dims == tuple(dims) and axes.labels.shape == tuple(sizes):
        return axes
    labels, zero = on_dims(axes, axes.labels, dims), on_dims(axes, axes.zero, dims)
    return Axes(tuple(dims), np.broadcast_to(labels, sizes), np.broadcast_to(zero, sizes), axes.is_expanded_copy)


def on_dims(axes: Axes, array: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    """`array` (labels or zeros of `axes`) with one axis for each of `dims`, of size 1 where `axes` has none."""
    size_of = dict(zip(axes.dims, array.shape))
    return array.reshape([size_of.get(dim, 1) for dim in dims])


def renumber(axes: Axes, where: Callable[[int], int]) -> Axes:
    """The same labels on other dims: `where(d)` is the new number of dim d; order is restored."""
    new = [where(dim) for dim in axes.dims]
    if new == sorted(new):
        return Axes(tuple(new), axes.labels, axes.zero, axes.is_expanded_copy)
    order = np.argsort(new)
    dims = tuple(int(new[i]) for i in order)
    return Axes(dims, axes.labels.transpose(order), axes.zero.transpose(order), axes.is_expanded_copy)


def along(axes: Axes, dim: int, pick: Callable[[np.ndarray, int], np.ndarray]) -> Axes:
    """Apply `pick(array, axis)` to labels and zeros on the axis of `dim`."""
    axis = axes.dims.index(dim)
    return Axes(axes.dims, pick(axes.labels, axis), pick(axes.zero, axis), axes.is_expanded_copy)


def not_zero(axes: Axes) -> Axes:
    """The same labels on a tensor that is not zero where its unit is."""
    return Axes(axes.dims, axes.labels, np.zeros_like(axes.zero), axes.is_expanded_copy)


def collapse(space: LabelSpace, axes: Axes, dims: Iterable[int], node: str = "") -> Axes:
    """Tie labels along `dims` (whole slices go) and leave these dims out; zero only where all of it is."""
    gone = tuple(axes.dims.index(dim) for dim in dims)
    first = axes.labels[tuple(slice(0, 1) if i in gone else slice(None) for i in range(axes.labels.ndim))]
    space.tie(axes.labels, first, node)
    kept = tuple(dim for i, dim in enumerate(axes.dims) if i not in gone)
    return Axes(
        kept, first.reshape([axes.labels.shape[axes.dims.index(d)] for d in kept]), np.asarray(axes.zero.all(axis=gone))
    )


def view_groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Match dims of a view: the finest (dims before, dims after) pairs with equal products."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        left, right = [], []
        a = b = 1
        if i < len(before):
            left.append(i)
            a = before[i]
            i += 1
        if j < len(after):
            right.append(j)
            b = after[j]
            j += 1
        while a != b:
            if a < b and i < len(before):
                left.append(i)
                a *= before[i]
                i += 1
            elif j < len(after):
                right.append(j)
                b *= after[j]
                j += 1
            else:
                raise ValueError(f"{tuple(before)} does not view as {tuple(after)}")
        groups.append((left, right))
    return groups


def view(space: LabelSpace, value: Value, shape: tuple[int, ...], node: str) -> Value:
    """Labels of a tensor seen under another shape (row-major)."""
    if shape == value.shape or 0 in shape:
        return value.with_axes(shape, value.axes if shape == value.shape else ())
    done = []
    for before, after, blocks in _touching(value, view_groups(value.shape, shape)):
        axes = product(space, blocks, before, [value.shape[d] for d in before], node)
        sizes = [shape[d] for d in after]
        done.append(
            simplify(Axes(tuple(after), axes.labels.reshape(sizes), axes.zero.reshape(sizes), axes.is_expanded_copy))
        )
    return value.with_axes(shape, done)


def _touching(value: Value, groups: list[tuple[list[int], list[int]]]) -> list[tuple[list[int], list[int], list[Axes]]]:
    """Pairs of dims that a view mixes, each with the blocks on them; pairs that one block covers are merged."""
    merged: list[tuple[set[int], set[int], list[Axes]]] = []
    for axes in value.axes:
        touched = [g for g in groups if set(g[0]) & set(axes.dims)]
        before = {d for g in touched for d in g[0]}
        after = {d for g in touched for d in g[1]}
        blocks = [axes]
        for other in [m for m in merged if m[0] & before]:
            merged.remove(other)
            before, after, blocks = other[0] | before, other[1] | after, other[2] + blocks
        merged.append((before, after, blocks))
    return [(sorted(before), sorted(after), blocks) for before, after, blocks in merged]


def product(space: LabelSpace, blocks: Sequence[Axes], dims: Sequence[int], sizes: Sequence[int], node: str) -> Axes:
    """One block over `dims` for several that label them apart: new labels that each of the old is shared by.

    Of copies made by an expansion and real labels, the copies stay.
    """
    real = [axes for axes in blocks if not axes.is_expanded_copy] or list(blocks[:1])
    for axes in blocks:
        if not any(axes is r for r in real):
            space.pin(axes.labels, f"`{node}` merges copies")
    if len(real) == 1:
        return spread(real[0], dims, sizes)
    labels = space.allocate(*sizes)
    for axes in real:
        space.share(labels, on_dims(axes, axes.labels, dims), node)
    space.boxes.append(RectangularConstraint(labels, node))
    zero = np.logical_and.reduce([spread(axes, dims, sizes).zero for axes in real])
    return Axes(tuple(dims), labels, zero, all(axes.is_expanded_copy for axes in real))


def align(value: Value, rank: int) -> Value:
    """Right-align the dims of a broadcast operand with a result of `rank` dims."""
    shift = rank - len(value.shape)
    if not shift:
        return value
    moved = [renumber(axes, lambda d: d + shift) for axes in value.axes]
    return value.with_axes((1,) * shift + value.shape, moved)


def overlapping(values: Sequence[Value]) -> list[tuple[int, ...]]:
    """Dims of several aligned values, merged wherever one block of any of them covers both."""
    sets: list[set[int]] = []
    for value in values:
        for axes in value.axes:
            joined = set(axes.dims)
            if joined in sets:
                continue
            others = []
            for other in sets:
                if other & joined:
                    joined |= other
                else:
                    others.append(other)
            sets = [*others, joined]
    return sorted(tuple(sorted(s)) for s in sets)
