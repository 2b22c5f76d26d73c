"""Moving labels: pure functions Axes -> Axes that rules are made of. Shapes are example shapes (plain integers)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from geta_engine.qadg.space import Axes, LabelSpace, Value


def simplify(axes: Axes) -> Axes:
    """Drop dims along which neither label nor zero varies, unless none would be left."""
    keep = [i for i in range(len(axes.dims)) if _varies(axes, i)]
    if len(keep) == len(axes.dims):
        return axes
    if not keep:
        keep = [int(np.argmax(axes.labels.shape))]
    index = tuple(slice(None) if i in keep else 0 for i in range(len(axes.dims)))
    return Axes(tuple(axes.dims[i] for i in keep), axes.labels[index], axes.zero[index])


def _varies(axes: Axes, position: int) -> bool:
    if axes.labels.shape[position] == 1:
        return False
    first_labels = np.take(axes.labels, [0], axis=position)
    first_zero = np.take(axes.zero, [0], axis=position)
    return bool((axes.labels != first_labels).any() or (axes.zero != first_zero).any())


def spread(axes: Axes, dims: Sequence[int], sizes: Sequence[int]) -> Axes:
    """Repeat labels along more dims, so that `axes` covers exactly `dims` (ascending) of the given sizes."""
    shape = tuple(size if dim in axes.dims else 1 for dim, size in zip(dims, sizes))
    full = tuple(sizes)
    return Axes(
        tuple(dims),
        np.broadcast_to(axes.labels.reshape(_own_shape(axes, dims, shape)), full),
        np.broadcast_to(axes.zero.reshape(_own_shape(axes, dims, shape)), full),
    )


def _own_shape(axes: Axes, dims: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    sizes = dict(zip(axes.dims, axes.labels.shape))
    return tuple(sizes.get(dim, 1) for dim, _ in zip(dims, shape))


def spread_to(axes: Axes, sizes: Sequence[int]) -> Axes:
    """Repeat labels along dims of size 1 that were expanded."""
    return Axes(axes.dims, np.broadcast_to(axes.labels, sizes), np.broadcast_to(axes.zero, sizes))


def move_dims(axes: Axes, where: Sequence[int]) -> Axes:
    """Permute: `where[d]` is the new position of dim d."""
    new = [where[dim] for dim in axes.dims]
    order = np.argsort(new)
    dims = tuple(int(new[i]) for i in order)
    return Axes(dims, axes.labels.transpose(order), axes.zero.transpose(order))


def along(axes: Axes, dim: int, pick: Callable[[np.ndarray, int], np.ndarray]) -> Axes:
    """Apply `pick(array, axis)` to labels and zeros on the axis of `dim`."""
    axis = axes.dims.index(dim)
    return Axes(axes.dims, pick(axes.labels, axis), pick(axes.zero, axis))


def drop_dim(axes: Axes, dim: int) -> Axes:
    """Renumber dims after `dim`, which `axes` do not cover, went away."""
    dims = tuple(d - (d > dim) for d in axes.dims)
    return Axes(dims, axes.labels, axes.zero)


def add_dim(axes: Axes, dim: int) -> Axes:
    """Renumber dims after a new dim was put in at `dim`."""
    return Axes(tuple(d + (d >= dim) for d in axes.dims), axes.labels, axes.zero)


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
    groups = view_groups(value.shape, shape)
    done: list[Axes] = []
    claimed: set[int] = set()
    for axes in value.axes:
        touched = [g for g in groups if set(g[0]) & set(axes.dims)]
        before = sorted({d for g in touched for d in g[0]})
        after = [d for g in touched for d in g[1]]
        if claimed & set(after):
            space.pin(axes.labels, f"`{node}` merges two dimensions that can both lose channels")
            continue
        claimed |= set(after)
        wide = spread(axes, before, [value.shape[d] for d in before])
        sizes = [shape[d] for d in after]
        done.append(simplify(Axes(tuple(after), wide.labels.reshape(sizes), wide.zero.reshape(sizes))))
    return Value(shape, tuple(done), value.constant, value.cause)


def align(value: Value, rank: int) -> Value:
    """Right-align the dims of a broadcast operand with a result of `rank` dims."""
    shift = rank - len(value.shape)
    if not shift:
        return value
    moved = tuple(Axes(tuple(d + shift for d in axes.dims), axes.labels, axes.zero) for axes in value.axes)
    return Value((1,) * shift + value.shape, moved, value.constant, value.cause)


def overlapping(values: Sequence[Value]) -> list[tuple[int, ...]]:
    """Dims of several aligned values, merged wherever one block of any of them covers both."""
    sets: list[set[int]] = []
    for value in values:
        for axes in value.axes:
            joined = set(axes.dims)
            rest = []
            for other in sets:
                if other & joined:
                    joined |= other
                else:
                    rest.append(other)
            sets = [*rest, joined]
    return sorted(tuple(sorted(s)) for s in sets)


def pick_axes(value: Value, dims: Sequence[int]) -> list[Axes]:
    """The axes of `value` that lie within `dims`."""
    return [axes for axes in value.axes if set(axes.dims) <= set(dims)]
