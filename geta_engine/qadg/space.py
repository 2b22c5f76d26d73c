"""The label space: integer labels, the ties between them, what pins them, and who zeroes them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Axes:
    """Labels of a tensor over some of its dims, jointly, while they are pushed through the program.

    `labels` has one axis for each dim of `dims` (ascending). `zero`, of the same shape, says where the tensor is 0
    once the label's unit is set to zero.
    """

    dims: tuple[int, ...]
    labels: Labels
    zero: NDArray[np.bool_]


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Pin:
    """Labels that may not be removed, and why."""

    labels: Labels
    reason: str


@dataclass(frozen=True)
class Pick:
    """One index along one axis of a label array is read on its own: it may not go if that axis can lose indices."""

    labels: Labels
    axis: int
    index: int
    reason: str


@dataclass
class LabelSpace:
    """Allocates labels and records, as arrays, what the rules say about them."""

    count: int = 0
    ties: list[tuple[Labels, Labels, str]] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    produced: list[Labels] = field(default_factory=list)
    consumed: list[Labels] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)
    unknown_ops: dict[str, int] = field(default_factory=dict)
    norms: dict[str, int] = field(default_factory=dict)

    def allocate(self, size: int) -> Labels:
        labels = np.arange(self.count, self.count + size, dtype=np.int32)
        self.count += size
        return labels

    def tie(self, a: Labels, b: Labels, node: str) -> None:
        """Tie two label arrays index by index (broadcasting); `node` is the op that did it."""
        a, b = np.broadcast_arrays(a, b)
        if a.size and a is not b:
            self.ties.append((a.ravel(), b.ravel(), node))

    def pin(self, labels: Labels, reason: str) -> None:
        if labels.size:
            self.pins.append(Pin(labels.ravel(), reason))

    def pin_value(self, value: Value, reason: str) -> None:
        for axes in value.axes:
            self.pin(axes.labels, reason)
