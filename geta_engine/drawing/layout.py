"""The drawing of a graph: absolute positions of everything on screen.

The graph is laid out level by level. Inside an open scope its children are boxes of a fixed size, and an open child is
a box of the size that its own layout came to.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile

from geta_engine.documents.analysis import GraphDocument
from geta_engine.documents.layout import (
    LayoutDocument,
    PlacedBox,
    PlacedEdge,
    PlacedNode,
    Rectangle,
    ScopeColumns,
    VisibleEdge,
    VisibleGraph,
)
from geta_engine.drawing import hierarchy, visible
from geta_engine.drawing.hierarchy import SCOPE_PREFIX, Hierarchy
from geta_engine.drawing.layers import Point, Size
from geta_engine.drawing.scope_layouts import ScopeLayouts
from geta_engine.drawing.sizes import row_size

PILL_RISE = 15.0
"""px from the mark of an edge's quantizer down to what reads it."""


def layout_graph(
    graph: GraphDocument,
    open_scopes: frozenset[str],
    show_shape: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    columns: ScopeColumns | None = None,
) -> LayoutDocument:
    """Lay out a graph with these scopes open; scopes that do not exist are ignored.

    `columns` are those of the layout on screen. Levels stay in them as long as that is not much worse than new ones,
    so that opening a scope moves what is next to it as little as can be.

    `on_progress` is called with how many open scopes are laid out, and how many there are.
    """
    started = time.perf_counter()
    tree = hierarchy.build(graph, show_shape)
    drawn = visible.visible(graph, tree, open_scopes)
    layouts = ScopeLayouts(tree, drawn, open_scopes, columns or {})

    def on_scope_done() -> None:
        if on_progress is not None:
            on_progress(len(layouts.of), len(open_scopes) + 1)

    root = layouts.lay_out("", on_scope_done)
    origins = _origins(layouts)
    return {
        "nodes": _placed_nodes(layouts, drawn, origins),
        "boxes": _placed_boxes(layouts, graph, tree, origins),
        "edges": _placed_edges(layouts, drawn["edges"], origins),
        "hosts": {key: tree.visible_as(row, open_scopes) for key, row in tree.row_of.items()},
        "scopes": list(tree.scopes),
        "columns": {**(columns or {}), **layouts.columns},
        "width": round(root.width, 1),
        "height": round(root.height, 1),
        "seconds": time.perf_counter() - started,
    }


def _origins(layouts: ScopeLayouts) -> dict[str, Point]:
    """The top left corner of each open scope, level by level."""
    origins: dict[str, Point] = {"": (0.0, 0.0)}
    waiting = deque([""])
    while waiting:
        scope = waiting.popleft()
        left, top = origins[scope]
        for child, (x, y) in layouts.of[scope].corners.items():
            if layouts.is_open(child):
                inner = child.removeprefix(SCOPE_PREFIX)
                origins[inner] = (left + x, top + y)
                waiting.append(inner)
    return origins


def _placed_nodes(layouts: ScopeLayouts, drawn: VisibleGraph, origins: Mapping[str, Point]) -> list[PlacedNode]:
    nodes: list[PlacedNode] = []
    for scope, (left, top) in origins.items():
        for child, (x, y) in layouts.of[scope].corners.items():
            if not layouts.is_open(child):
                node = drawn["nodes"][child]
                nodes.append({**node, **_rectangle((left + x, top + y), row_size(node))})
    return nodes


def _placed_boxes(
    layouts: ScopeLayouts, graph: GraphDocument, tree: Hierarchy, origins: Mapping[str, Point]
) -> list[PlacedBox]:
    nodes = {node["id"]: node for node in graph["nodes"]}
    boxes: list[PlacedBox] = []
    for scope, corner in origins.items():
        if scope:
            layout, around = layouts.of[scope], tree.around[scope]
            boxes.append(
                {
                    "id": SCOPE_PREFIX + scope,
                    "parent": around[-1] if around else "",
                    "depth": len(around),
                    "label": tree.label(scope),
                    "badge": visible.repeat_badge(tree, nodes, scope),
                    **_rectangle(corner, (layout.width, layout.height)),
                }
            )
    return boxes


def _placed_edges(
    layouts: ScopeLayouts, edges: Iterable[VisibleEdge], origins: Mapping[str, Point]
) -> list[PlacedEdge]:
    placed: list[PlacedEdge] = []
    for edge in edges:
        points: list[Point] = []
        for piece in layouts.pieces.of(edge):
            left, top = origins[piece.scope]
            points += [(x + left, y + top) for x, y in layouts.of[piece.scope].routes[piece.key]]
        route = _tidy(points)
        pill = _pill(route) if edge["quantizers"] else None
        placed.append({**edge, "id": f"edge:{edge['source']}→{edge['target']}", "points": route, "pill": pill})
    return placed


def _rectangle(corner: Point, size: Size) -> Rectangle:
    (left, top), (width, height) = corner, size
    return {
        "x": round(left + width / 2, 1),
        "y": round(top + height / 2, 1),
        "w": round(width, 1),
        "h": round(height, 1),
    }


def _tidy(points: Sequence[Point]) -> list[list[float]]:
    """Control points rounded and without repeats; only the two ends where the whole edge is one vertical line."""
    distinct: list[Point] = []
    for point in points:
        if not distinct or abs(point[0] - distinct[-1][0]) >= 0.5 or abs(point[1] - distinct[-1][1]) >= 0.5:
            distinct.append(point)
    if all(abs(x - distinct[0][0]) < 1 for x, _ in distinct):
        distinct = [distinct[0], (distinct[0][0], distinct[-1][1])]
    return [[round(x, 1), round(y, 1)] for x, y in distinct]


def _pill(points: Sequence[Sequence[float]]) -> list[float]:
    """Where the mark of an edge's quantizer is: just above what reads it."""
    (x0, y0), (x1, y1) = points[-2], points[-1]
    straight = takewhile(lambda point: abs(point[0] - x1) < 0.5, reversed(points))
    rise = min(PILL_RISE, max(y1 - y for _, y in straight))
    is_short = len(points) > 2 and y1 - y0 < PILL_RISE + 2 and abs(points[-3][1] - y0) < 1
    x = (points[-3][0] + x0) / 2 if is_short else x0
    return [round(x, 1), round(y1 - rise, 1)]
