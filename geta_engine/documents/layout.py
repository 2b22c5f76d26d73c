"""What of a graph is on screen and where, as JSON documents. Lengths are px of the drawing; y grows downwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

ScopeColumns = Mapping[str, Mapping[str, int]]
"""Open scope -> child -> the column it stands in, counted from 0 at the left."""


class VisibleNode(TypedDict):
    """A row of nodes drawn as one, or a closed scope."""

    id: str
    kind: Literal["row", "scope"]
    parent: str  # the open scope around it, "" at the root
    label: str
    badge: str  # `×12` for repeated modules
    detail: str
    members: Sequence[str]  # ids of the nodes it stands for


class VisibleEdge(TypedDict):
    """All edges between two things on screen, drawn as one."""

    source: str
    target: str
    multiplicity: int
    quantizers: Sequence[str]  # ids of the activation quantizers on the way


class VisibleGraph(TypedDict):
    """What is on screen for a set of open scopes."""

    nodes: Mapping[str, VisibleNode]
    edges: Sequence[VisibleEdge]


class Rectangle(TypedDict):
    """A centre and a size."""

    x: float
    y: float
    w: float
    h: float


class PlacedNode(VisibleNode, Rectangle):
    """A row or a closed scope where it stands."""


class PlacedBox(Rectangle):
    """An open scope."""

    id: str
    parent: str  # the open scope around it, "" at the root
    depth: int
    label: str
    badge: str


class PlacedEdge(VisibleEdge):
    """An edge with its route."""

    id: str
    points: Sequence[Sequence[float]]  # control points [x, y]
    pill: Sequence[float] | None  # [x, y] of its quantizer mark


class LayoutDocument(TypedDict):
    """The drawing of a graph with some scopes open."""

    nodes: Sequence[PlacedNode]
    boxes: Sequence[PlacedBox]  # outer before inner
    edges: Sequence[PlacedEdge]
    hosts: Mapping[str, str]  # node -> what stands for it on screen
    scopes: Sequence[str]  # all that can be opened
    columns: ScopeColumns
    width: float
    height: float
    seconds: float


class StoredLayout(LayoutDocument):
    """A layout as it is kept on disk."""

    key: str  # SHA-256 in hex of all that decides it
