"""Places for the things of one level, from top to bottom, by Graphviz `dot`: boxes of given sizes, edges between them.

Coordinates are px, y grows downwards. A *stop* (x, top, bottom) is a place where an edge runs straight down.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pygraphviz

Size = tuple[float, float]
Point = tuple[float, float]
Stop = tuple[float, float, float]

RANK_GAP, NODE_GAP = 30.0, 22.0
"""px between two ranks, and between two things in a rank."""
DOT_LIMIT = 1500
"""`dot` takes seconds beyond this many things in one level and minutes beyond 10,000: plain ranks are used instead."""
STRAIGHTEN = 48.0
"""Stops of an edge within so many px across are put on one line."""
_INCH = 72.0


@dataclass(frozen=True)
class Level:
    """What to place: sizes, edges as (source, target) indices, and which indices are ports.

    A port is a point on the border that edges from or to the outside go through: entries are above everything, exits
    below.
    """

    sizes: tuple[Size, ...]
    edges: tuple[tuple[int, int], ...]
    entries: tuple[int, ...] = ()
    exits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Placed:
    """Centres of the things and stops of the edges, in the order of the level; all x and y are >= 0."""

    centres: tuple[Point, ...]
    stops: tuple[tuple[Stop, ...], ...]


def place_level(level: Level) -> Placed:
    """Centres by `dot` (or plain ranks where the level is too large for it), edges as stops between the ranks."""
    if not level.sizes:
        return Placed((), ())
    if len(level.sizes) > DOT_LIMIT:
        centres, paths = _plain(level), [list[Point]() for _ in level.edges]
    else:
        centres, paths = _by_dot(level)
    bands = _bands(level, centres)
    stops = tuple(_stops(level, centres, bands, edge, path) for edge, path in zip(level.edges, paths, strict=True))
    return Placed(tuple(centres), stops)


def ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest path from a source to each thing; edges against the order of indices do not count."""
    rank = [0] * count
    for source, target in sorted(edges):
        if source < target:
            rank[target] = max(rank[target], rank[source] + 1)
    return rank


def _by_dot(level: Level) -> tuple[list[Point], list[list[Point]]]:
    graph = pygraphviz.AGraph(directed=True, strict=False)
    graph.graph_attr.update(
        ranksep=RANK_GAP / _INCH, nodesep=NODE_GAP / _INCH, nslimit=4, nslimit1=4, mclimit=1, splines="spline"
    )
    graph.node_attr.update(shape="box", fixedsize="true", label="", margin=0)
    graph.edge_attr.update(dir="none")
    for index, (width, height) in enumerate(level.sizes):
        graph.add_node(index, width=max(width, 1) / _INCH, height=max(height, 1) / _INCH)
    for rank, members in (("source", level.entries), ("sink", level.exits)):
        if members:
            graph.add_subgraph(list(members), rank=rank)
    depth = ranks(len(level.sizes), level.edges)
    for key, (source, target) in enumerate(level.edges):
        near = depth[target] - depth[source] <= 1
        graph.add_edge(source, target, key=str(key), weight=4 if near else 1)
    graph.layout(prog="dot")
    top = float(graph.graph_attr["bb"].split(",")[3])
    centres = [_flip(graph.get_node(index).attr["pos"], top) for index in range(len(level.sizes))]
    paths = [
        [_flip(text, top) for text in (graph.get_edge(source, target, str(key)).attr["pos"] or "").split()]
        for key, (source, target) in enumerate(level.edges)
    ]
    return centres, paths


def _flip(text: str, top: float) -> Point:
    x, y = text.split(",")
    return float(x), top - float(y)


def _plain(level: Level) -> list[Point]:
    """Ranks by longest path, each rank centred; linear in the size of the level."""
    depth = ranks(len(level.sizes), level.edges)
    depth = [0 if i in level.entries else max(depth) if i in level.exits else rank for i, rank in enumerate(depth)]
    rows: dict[int, list[int]] = defaultdict(list)
    for index, rank in enumerate(depth):
        rows[rank].append(index)
    widths = {rank: sum(level.sizes[i][0] + NODE_GAP for i in row) for rank, row in rows.items()}
    middle, y = max(widths.values()) / 2, 0.0
    centres: list[Point] = [(0.0, 0.0)] * len(level.sizes)
    for rank in sorted(rows):
        height = max(level.sizes[i][1] for i in rows[rank])
        x = middle - widths[rank] / 2
        for index in rows[rank]:
            width = level.sizes[index][0]
            centres[index] = (x + width / 2, y + height / 2)
            x += width + NODE_GAP
        y += height + RANK_GAP
    return centres


def _bands(level: Level, centres: Sequence[Point]) -> list[tuple[float, float]]:
    """(top, bottom) of each rank: the things that share a centre line, from the top of the tallest to its bottom."""
    spans: dict[int, tuple[float, float]] = {}
    for (_, y), (_, height) in zip(centres, level.sizes, strict=True):
        top, bottom = spans.get(round(y), (y, y))
        spans[round(y)] = (min(top, y - height / 2), max(bottom, y + height / 2))
    return [spans[key] for key in sorted(spans)]


def _stops(
    level: Level,
    centres: Sequence[Point],
    bands: Sequence[tuple[float, float]],
    edge: tuple[int, int],
    path: Sequence[Point],
) -> tuple[Stop, ...]:
    (x0, y0), (x1, y1) = centres[edge[0]], centres[edge[1]]
    start, end = y0 + level.sizes[edge[0]][1] / 2, y1 - level.sizes[edge[1]][1] / 2
    passed = [(top, bottom) for top, bottom in bands if start < top and bottom < end]
    if path:
        lane = _straightened([_x_at(path, (top + bottom) / 2) for top, bottom in passed], x0)
    else:
        lane = [x0 + (x1 - x0) * (top - start) / (end - start) for top, _ in passed]
    between = [(x, top, bottom) for x, (top, bottom) in zip(lane, passed, strict=True)]
    return ((x0, start, start), *between, (x1, end, end))


def _straightened(xs: list[float], start: float) -> list[float]:
    """Neighbouring places of nearly one x get the same: the one farther out from where the edge starts."""
    lane: list[float] = []
    while xs:
        run = 1
        while run < len(xs) and max(xs[: run + 1]) - min(xs[: run + 1]) < STRAIGHTEN:
            run += 1
        lane += [max(xs[:run], key=lambda x: abs(x - start))] * run
        xs = xs[run:]
    return lane


def _x_at(path: Sequence[Point], y: float) -> float:
    """Where dot's spline (control points 3k + 1) is at height y."""
    for first in range(0, len(path) - 3, 3):
        piece = path[first : first + 4]
        if piece[0][1] <= y <= piece[3][1]:
            return _bezier_x(piece, y)
    return path[-1][0]


def _bezier_x(piece: Sequence[Point], y: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if _cubic([p[1] for p in piece], middle) < y else (low, middle)
    return _cubic([p[0] for p in piece], low)


def _cubic(values: Sequence[float], t: float) -> float:
    a, b, c, d = values
    return a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3
