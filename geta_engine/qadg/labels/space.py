"""The label space: integer labels, the ties between them, what pins them, and who zeroes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Axes:
    """Labels of a tensor over some of its dims, jointly, while they are pushed through the program.

    `labels` has one axis for each dim of `dims` (ascending). `zero`, of the same shape, says where the tensor is 0
    once the label's unit is set to zero. Labels of an
    expanded copy (`is_expanded_copy`) stand for copies of one index: any of them may go.
    """

    dims: tuple[int, ...]
    labels: Labels
    zero: NDArray[np.bool_]
    is_expanded_copy: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the program: its example shape, the labels on its dims, and whether it is made of parameters only.

    `cause` names the node that turned removed zeros into something else, for the reason shown to people.
    """

    shape: tuple[int, ...]
    axes: tuple[Axes, ...] = ()
    constant: bool = False
    cause: str | None = None

    def on(self, dim: int) -> Axes | None:
        """The axes that cover `dim`, or None when nothing on it can be removed."""
        return next((axes for axes in self.axes if dim in axes.dims), None)

    def with_axes(self, shape: tuple[int, ...], axes: Iterable[Axes]) -> Value:
        """The same tensor after a move: another shape and other axes."""
        return Value(shape, tuple(axes), self.constant, self.cause)


@dataclass(frozen=True, slots=True)
class Pin:
    """Labels that may not be removed, and why."""

    labels: Labels
    reason: str


@dataclass(frozen=True, slots=True)
class SingleIndexRead:
    """One index along one axis of a label array is read on its own: it may not go if that axis can lose indices."""

    labels: Labels
    axis: int
    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class SharedOperand:
    """`small` (1 along the axes it lacks) is read by every slice of `big`.

    An index of `small` goes with all of `big` along it, or - where `big` loses whole slices of the other axes - not at
    all. Which of the two holds is seen once everything else is tied.
    """

    big: Labels
    small: Labels
    node: str


@dataclass(frozen=True, slots=True)
class RectangularConstraint:
    """A joint label array that must stay a box: whole indices of one of its axes go."""

    labels: Labels
    node: str


@dataclass
class LabelSpace:
    """Allocates labels and records, as arrays, what the rules say about them.

    `parts` are labels that an op reads apart from others of their dim: units in different parts make different groups,
    so that each part keeps one.
    """

    count: int = 0
    ties: list[tuple[Labels, Labels, str]] = field(default_factory=list)
    shares: list[SharedOperand] = field(default_factory=list)
    boxes: list[RectangularConstraint] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    produced: list[Labels] = field(default_factory=list)
    picks: list[SingleIndexRead] = field(default_factory=list)
    parts: list[Labels] = field(default_factory=list)
    unknown_ops: dict[str, int] = field(default_factory=dict)

    def allocate(self, *shape: int) -> Labels:
        size = int(np.prod(shape))
        labels = np.arange(self.count, self.count + size, dtype=np.int32).reshape(shape)
        self.count += size
        return labels

    def tie(self, a: Labels, b: Labels, node: str) -> None:
        """Tie two label arrays index by index (broadcasting); `node` is the op that did it."""
        if a is b or not a.size or not b.size:
            return
        if a.shape != b.shape:
            a, b = np.broadcast_arrays(a, b)
        self.ties.append((a.ravel(), b.ravel(), node))

    def share(self, big: Labels, small: Labels, node: str) -> None:
        self.shares.append(SharedOperand(big, small, node))

    def pin(self, labels: Labels, reason: str) -> None:
        if labels.size:
            self.pins.append(Pin(labels.ravel(), reason))

    def pin_value(self, value: Value, reason: str) -> None:
        for axes in value.axes:
            self.pin(axes.labels, reason)

    def forbid_removal_along(self, axes: Axes, dims: Iterable[int], reason: str, node: str) -> None:
        """Nothing may go along `dims` alone: tie what lies along them, or pin when the axes cover nothing else."""
        held = {axes.dims.index(dim) for dim in dims if dim in axes.dims}
        if not held:
            return
        if all(i in held or size == 1 for i, size in enumerate(axes.labels.shape)):
            self.pin(axes.labels, reason)
        for position in held:
            self.tie(axes.labels, np.take(axes.labels, [0], position), node)

    def mark_produced(self, value: Value) -> None:
        """Labels of parameters that a unit zeroes."""
        if value.constant:
            self.produced += [axes.labels.ravel() for axes in value.axes]
