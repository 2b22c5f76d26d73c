"""What Cytoscape draws, as it reads it: elements with their data, and the rules of a stylesheet.

Lengths are px of the drawing. The stylesheet and the scripts of the graph read the data by these names.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict, final

DIAMOND = 40
"""Width of a diamond in px, while it holds its letter alone."""
DEPTHS = 4
"""So many open scopes in each other are told apart, by the classes depth0, depth1 ..."""

Rule = dict[str, Any]
"""`{"selector", "style"}`. The names and values of a style are Cytoscape's own."""


class NodePosition(TypedDict):
    """Where the centre of a node stands."""

    x: float
    y: float


@final
class RowData(TypedDict):
    """A row of nodes, or a closed scope."""

    id: str
    label: str
    w: float
    h: float
    tx: float  # from its right edge to where its text starts, so below 0
    tw: float  # room for its text
    kind: str  # "row" or "scope"
    group: int | None  # the group of what leaves it
    groups: list[int]  # all groups that its nodes write or read
    outputs: list[int]  # groups that its nodes write and that can be pruned
    nodes: list[str]  # ids of the nodes that it stands for
    params: int
    macs: int
    weights: list[str]  # ids of its weight quantizers
    quantizer: str | None  # the quantizer that it is part of
    tip: list[str]  # lines of its tooltip


@final
class PartData(TypedDict):
    """Something on top of a row, a box or an edge: a bar, a tag, a badge, a toggle, a diamond, a pill, a stack."""

    id: str
    host: str  # the row, box or edge that it lies on
    label: NotRequired[str]
    detail: NotRequired[str]  # of a bar: its text while it says nothing of a run
    w: NotRequired[float]
    h: NotRequired[float]
    tx: NotRequired[float]
    tw: NotRequired[float]
    outputs: NotRequired[list[int]]
    stops: NotRequired[str]  # of a bar: where its colours change, in percent
    on: NotRequired[int]  # of a bar: 1 while it shows units, else 0
    group: NotRequired[int]
    scope: NotRequired[str]  # of a toggle: what it opens or closes


@final
class MarkData(TypedDict):
    """A mark of quantizers: a diamond for those of weights, a pill for those of activations."""

    id: str
    host: str
    quantizers: list[str]
    label: str  # its letter, and its bits where they are known
    mark: str  # its letter alone
    across: NotRequired[int]  # width of a diamond
    wide: NotRequired[int]  # of a pill: 1 where its label has no room in a narrow one


@final
class BoxData(TypedDict):
    """An open scope."""

    id: str
    w: float
    h: float
    kind: str
    scope: str
    quantizer: str | None  # the quantizer that it is the branch of


EdgeData = TypedDict(
    "EdgeData",
    {
        "id": str,
        "source": str,
        "target": str,
        "from": str,  # where it starts, as seen from the centre of its source: "0.0px 26.0px"
        "to": str,  # where it ends, as seen from the centre of its target
        "groups": list[int],  # the group that flows through it, if any
        "many": int,  # how many edges it stands for
        "weights": NotRequired[str],  # of a curve: see `control_points`
        "distances": NotRequired[str],
    },
)
"""An edge with its route."""

NodeData = RowData | PartData | MarkData | BoxData


@final
class NodeElement(TypedDict):
    """A row, a box, or something on top of one."""

    data: NodeData
    position: NodePosition
    classes: str


@final
class EdgeElement(TypedDict):
    """An edge between two rows."""

    data: EdgeData
    classes: str


Element = NodeElement | EdgeElement
