"""Absolute positions of everything on screen, level by level: inside an open scope its children are boxes of a fixed
size, and an open child is a box of the size that its own layout came to.

Plain data in and out, so that it runs in a process of its own and is cached. No torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from geta_engine.drawing import hierarchy, visible
from geta_engine.drawing.boxes import OUT, Key, ScopeLayout, attach, boxed, centred, end_offsets
from geta_engine.drawing.columns import wrap
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.layers import Level, Placed, Point, Size, place
from geta_engine.drawing.visible import default_open

__all__ = ["default_open", "layout_graph"]

Report = Callable[[int, int], None]
"""Told how many open modules are laid out, of how many."""
Columns = Mapping[str, Mapping[str, int]]
"""Open scope -> child -> the column it stands in."""

ROW_HEIGHT = 42.0
MIN_WIDTH, MAX_WIDTH = 178.0, 260.0
NARROW, WIDE = frozenset("fijlrt.,:;|'!()[]_ "), frozenset("mwMW+")
NAME_CHARS, DETAIL_CHAR = (6.0, 9.0, 12.5), 6.9
"""Width in px of a narrow, another and a wide character of a row's bold first line, and of any of its second."""
SIGN = 21.0
"""Width in px that the drawing keeps for the sign before the name of a closed scope."""
ROOT_LIMIT, SCOPE_LIMIT = 560.0, 1400.0
"""Taller levels than this many px are wrapped into columns."""


def layout_graph(
    graph: dict[str, Any],
    open_scopes: frozenset[str],
    show_shape: bool = False,
    report: Report | None = None,
    columns: Columns | None = None,
) -> dict[str, Any]:
    """Lay out the "graph" of an analysis with these scopes open.

    `columns` are those of the layout on screen: levels stay in them as long as that is not much worse than new ones,
    so that opening a scope moves what is beside it as little as can be.

    Returns `{"nodes", "boxes", "edges", "hosts", "scopes", "columns", "width", "height", "seconds"}`.
    A node is an entry of `visible.visible` plus "x", "y" (centre), "w", "h"; a box is an open scope with the same
    four, "label", "badge", "depth" and "parent" (the open scope around it, or ""); an edge is an entry of
    `visible.visible` plus "id", "points" (control points, see `columns`) and "pill" ([x, y] of its quantizer mark, or
    None). `hosts[node]` is what stands for a node on screen, `scopes` are all that can be opened. Scopes that do not
    exist are ignored. `columns[scope][child]` counts from 0 at the left.
    """
    started = time.perf_counter()
    tree = hierarchy.build(graph, show_shape)
    seen = visible.visible(graph, tree, open_scopes)
    levels = _Levels(tree, seen, open_scopes, report, columns or {})
    root = levels.lay("")
    nodes, boxes = levels.absolute(root)
    result = {
        "nodes": nodes,
        "boxes": boxes,
        "edges": levels.edges(),
        "hosts": {key: tree.shown_as(row, open_scopes) for key, row in tree.row_of.items()},
        "scopes": list(tree.scopes),
        "columns": {**(columns or {}), **levels.columns},
        "width": round(root.width, 1),
        "height": round(root.height, 1),
    }
    _label_boxes(graph, tree, boxes)
    return {**result, "seconds": time.perf_counter() - started}


def row_size(label: str, detail: str, badge: str, opens: bool) -> Size:
    """Width and height of a row from what is written on it; longer text is cut by the drawing."""
    first = _name_width(label) + (_name_width(badge) + 50 if badge else 0) + SIGN * opens
    second = len(detail) * DETAIL_CHAR + 32
    return min(max(first + 30, second + 22, MIN_WIDTH), MAX_WIDTH), ROW_HEIGHT


def _name_width(text: str) -> float:
    return sum(NAME_CHARS[1 - (char in NARROW) + (char in WIDE)] for char in text)


class _Levels:
    """Lays scopes out bottom-up and remembers each, and each shape of level, so that repeated blocks cost once."""

    def __init__(
        self,
        tree: hierarchy.Hierarchy,
        seen: dict[str, Any],
        open_scopes: frozenset[str],
        report: Report | None,
        before: Columns,
    ) -> None:
        self.report = report
        self.before = before
        self.columns: dict[str, dict[str, int]] = {}
        self.nodes = seen["nodes"]
        self.seen_edges = seen["edges"]
        self.open = open_scopes
        self.children = {
            scope: [child for child in inside if self._is_open(child) or child in self.nodes]
            for scope, inside in tree.children.items()
        }
        self.path = {key: self._path_of(tree, key) for key in self.nodes}
        self.subs: dict[str, ScopeLayout] = {}
        self.placed: dict[Level, Placed] = {}
        self.level_edges = self._level_edges()

    def _is_open(self, child: str) -> bool:
        return child.startswith(SCOPE_PREFIX) and child.removeprefix(SCOPE_PREFIX) in self.open

    def _path_of(self, tree: hierarchy.Hierarchy, key: str) -> tuple[str, ...]:
        """The open scopes around a thing, from the root ("") inwards."""
        if key in tree.rows:
            return ("", *tree.rows[key].path)
        scope = key.removeprefix(SCOPE_PREFIX)
        return ("", *tree.around[scope])

    def _child(self, key: str, depth: int) -> str:
        """What stands for a thing in the level `depth` steps below the root."""
        path = self.path[key]
        return key if depth == len(path) - 1 else SCOPE_PREFIX + path[depth + 1]

    def _level_edges(self) -> dict[str, dict[Key, tuple[str, str]]]:
        """For each open scope: edge key -> (source child or "", target child or ""), "" being the border."""
        edges: dict[str, dict[Key, tuple[str, str]]] = {scope: {} for scope in self.children}
        for edge in self.seen_edges:
            for scope, key, ends in self._pieces(edge["source"], edge["target"]):
                edges[scope][key] = ends
        return edges

    def _pieces(self, source: str, target: str) -> list[tuple[str, Key, tuple[str, str]]]:
        """An edge's pieces in order: out through the borders of the source's scopes, across, and in."""
        up, down = self.path[source], self.path[target]
        common = 0
        while common + 1 < min(len(up), len(down)) and up[common + 1] == down[common + 1]:
            common += 1
        pieces = [
            (up[depth], (source, OUT), (self._child(source, depth), OUT)) for depth in range(len(up) - 1, common, -1)
        ]
        across = self._child(target, common)
        pieces.append((up[common], (source, across), (self._child(source, common), across)))
        for depth in range(common + 1, len(down)):
            into = self._child(target, depth)
            pieces.append((down[depth], (source, into), (OUT, into)))
        return pieces

    def lay(self, scope: str) -> ScopeLayout:
        """The layout of an open scope, its open children's first."""
        children = self.children[scope]
        inner = {child: self.lay(child.removeprefix(SCOPE_PREFIX)) for child in children if self._is_open(child)}
        sub = self._compose(scope, children, inner)
        self.subs[scope] = sub
        if self.report is not None:
            self.report(len(self.subs), len(self.open) + 1)
        return sub

    def _compose(self, scope: str, children: Sequence[str], inner: Mapping[str, ScopeLayout]) -> ScopeLayout:
        edges = self.level_edges[scope]
        entries = list(dict.fromkeys(key[0] for key, ends in edges.items() if ends[0] == OUT))
        exits = list(dict.fromkeys(key[0] for key, ends in edges.items() if ends[1] == OUT))
        sizes = [(inner[c].width, inner[c].height) if c in inner else self._size(c) for c in children]
        index = {child: i for i, child in enumerate(children)}
        enter = {name: len(children) + i for i, name in enumerate(entries)}
        leave = {name: len(children) + len(entries) + i for i, name in enumerate(exits)}
        pairs = [(index[a] if a else enter[key[0]], index[b] if b else leave[key[0]]) for key, (a, b) in edges.items()]
        ports = [(2.0, 0.0)] * (len(entries) + len(exits))
        level = Level((*sizes, *ports), tuple(pairs), tuple(enter.values()), tuple(leave.values()))
        ends = tuple(end_offsets(key, pair, inner, sizes, index) for key, pair in edges.items())
        placed = attach(self._place(level), level, ends)
        box = bool(scope)
        wrapped = wrap(placed, level.sizes, SCOPE_LIMIT if box else ROOT_LIMIT, self._kept(scope, children))
        self.columns[scope] = dict(zip(children, wrapped.columns, strict=False))
        left, width = centred(wrapped, enter.values(), leave.values()) if box else (0.0, wrapped.width)
        return boxed(wrapped, sizes, children, edges, enter, leave, left, width, box)

    def _kept(self, scope: str, children: Sequence[str]) -> list[int] | None:
        """The columns that the children of a scope were in, where it was open with the same children."""
        before = self.before.get(scope, {})
        return [before[child] for child in children] if before.keys() == set(children) else None

    def _size(self, key: str) -> Size:
        entry = self.nodes[key]
        return row_size(entry["label"], entry["detail"], entry["badge"], entry["kind"] == "scope")

    def _place(self, level: Level) -> Placed:
        if level not in self.placed:
            self.placed[level] = place(level)
        return self.placed[level]

    def absolute(self, root: ScopeLayout) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Nodes and boxes with their centres; boxes outer before inner."""
        nodes: list[dict[str, Any]] = []
        boxes: list[dict[str, Any]] = []
        self.origin: dict[str, Point] = {"": (0.0, 0.0)}
        waiting = [("", root, 0)]
        while waiting:
            scope, sub, depth = waiting.pop(0)
            left, top = self.origin[scope]
            for child, (x, y) in sub.corners.items():
                if self._is_open(child):
                    name = child.removeprefix(SCOPE_PREFIX)
                    self.origin[name] = (left + x, top + y)
                    size = (self.subs[name].width, self.subs[name].height)
                    boxes.append({"id": child, "parent": scope, "depth": depth, **_centre(left + x, top + y, size)})
                    waiting.append((name, self.subs[name], depth + 1))
                else:
                    nodes.append({**self.nodes[child], **_centre(left + x, top + y, self._size(child))})
        return nodes, boxes

    def edges(self) -> list[dict[str, Any]]:
        """The visible edges with their control points; call after `absolute`."""
        result = []
        for edge in self.seen_edges:
            points: list[Point] = []
            for scope, key, _ in self._pieces(edge["source"], edge["target"]):
                left, top = self.origin[scope]
                points += [(x + left, y + top) for x, y in self.subs[scope].routes[key]]
            route = _tidy(points)
            pill = _pill(route) if edge["quantizers"] else None
            name = f"edge:{edge['source']}→{edge['target']}"
            result.append({**edge, "id": name, "points": route, "pill": pill})
        return result


def _centre(left: float, top: float, size: Size) -> dict[str, float]:
    width, height = size
    return {
        "x": round(left + width / 2, 1),
        "y": round(top + height / 2, 1),
        "w": round(width, 1),
        "h": round(height, 1),
    }


def _tidy(points: Sequence[Point]) -> list[list[float]]:
    """Rounded and without repeats; only the two ends where the whole edge is one vertical line."""
    kept: list[Point] = []
    for point in points:
        if not kept or abs(point[0] - kept[-1][0]) >= 0.5 or abs(point[1] - kept[-1][1]) >= 0.5:
            kept.append(point)
    if all(abs(x - kept[0][0]) < 1 for x, _ in kept):
        kept = [kept[0], (kept[0][0], kept[-1][1])]
    return [[round(x, 1), round(y, 1)] for x, y in kept]


def _pill(points: Sequence[Sequence[float]]) -> list[float]:
    """Where an edge's quantizer mark sits: just above what reads it."""
    (x0, y0), (x1, y1) = points[-2], points[-1]
    straight = takewhile(lambda point: abs(point[0] - x1) < 0.5, reversed(points))
    rise = min(RISE_PILL, max(y1 - y for _, y in straight))
    x = (points[-3][0] + x0) / 2 if len(points) > 2 and y1 - y0 < RISE_PILL + 2 and abs(points[-3][1] - y0) < 1 else x0
    return [round(x, 1), round(y1 - rise, 1)]


RISE_PILL = 15.0


def _label_boxes(graph: Mapping[str, Any], tree: hierarchy.Hierarchy, boxes: Sequence[dict[str, Any]]) -> None:
    facts = {node["id"]: node for node in graph["nodes"]}
    for box in boxes:
        scope = box["id"].removeprefix(SCOPE_PREFIX)
        box["label"] = tree.label(scope)
        box["badge"] = visible.repeats(tree, facts, scope)
