"""Layouts of open scopes, inner before outer: a scope is a box in the level around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from geta_engine.documents.layout import ScopeColumns, VisibleGraph
from geta_engine.drawing.boxes import OUT, Key, ScopeLayout, attach, boxed, centred, end_offsets
from geta_engine.drawing.columns import wrap_level
from geta_engine.drawing.edge_pieces import EdgePieces
from geta_engine.drawing.hierarchy import SCOPE_PREFIX, Hierarchy
from geta_engine.drawing.layers import Level, Placed, Size, place_level
from geta_engine.drawing.sizes import row_size

ROOT_LIMIT, SCOPE_LIMIT = 560.0, 1400.0
"""Levels taller than this many px are cut into columns."""


class ScopeLayouts:
    """The layouts of all open scopes, by scope, and the columns that the children of each stand in.

    Each shape of level is placed once, so that repeated blocks cost as much as one.
    """

    def __init__(
        self, hierarchy: Hierarchy, visible: VisibleGraph, open_scopes: frozenset[str], previous_columns: ScopeColumns
    ) -> None:
        self.of: dict[str, ScopeLayout] = {}
        self.columns: dict[str, Mapping[str, int]] = {}
        self.pieces = EdgePieces(hierarchy, visible["nodes"])
        self._nodes = visible["nodes"]
        self._open = open_scopes
        self._children = hierarchy.children
        self._previous_columns = previous_columns
        self._placed: dict[Level, Placed] = {}
        self._edges: dict[str, dict[Key, tuple[str, str]]] = defaultdict(dict)
        for edge in visible["edges"]:
            for piece in self.pieces.of(edge):
                self._edges[piece.scope][piece.key] = piece.ends

    def is_open(self, child: str) -> bool:
        """Whether a child of a scope is an open scope itself."""
        return child.startswith(SCOPE_PREFIX) and child.removeprefix(SCOPE_PREFIX) in self._open

    def lay_out(self, scope: str, on_scope_done: Callable[[], None]) -> ScopeLayout:
        """The layout of an open scope. Those of its open children come first, and all are kept."""
        children = [child for child in self._children[scope] if self.is_open(child) or child in self._nodes]
        inner = {
            child: self.lay_out(child.removeprefix(SCOPE_PREFIX), on_scope_done)
            for child in children
            if self.is_open(child)
        }
        self.of[scope] = self._compose(scope, children, inner)
        on_scope_done()
        return self.of[scope]

    def _compose(self, scope: str, children: Sequence[str], inner: Mapping[str, ScopeLayout]) -> ScopeLayout:
        edges = self._edges[scope]
        entries = list(dict.fromkeys(key[0] for key, ends in edges.items() if ends[0] == OUT))
        exits = list(dict.fromkeys(key[0] for key, ends in edges.items() if ends[1] == OUT))
        sizes = [self._size(child, inner) for child in children]
        index = {child: i for i, child in enumerate(children)}
        enter = {name: len(children) + i for i, name in enumerate(entries)}
        leave = {name: len(children) + len(entries) + i for i, name in enumerate(exits)}
        pairs = [(index[a] if a else enter[key[0]], index[b] if b else leave[key[0]]) for key, (a, b) in edges.items()]
        ports = [(2.0, 0.0)] * (len(entries) + len(exits))
        level = Level((*sizes, *ports), tuple(pairs), tuple(enter.values()), tuple(leave.values()))
        ends = tuple(end_offsets(key, pair, inner, sizes, index) for key, pair in edges.items())
        placed = attach(self._place(level), level, ends)
        is_box = bool(scope)
        limit = SCOPE_LIMIT if is_box else ROOT_LIMIT
        wrapped = wrap_level(placed, level.sizes, limit, self._columns_before(scope, children))
        self.columns[scope] = dict(zip(children, wrapped.columns, strict=False))
        left, width = centred(wrapped, enter.values(), leave.values()) if is_box else (0.0, wrapped.width)
        return boxed(wrapped, sizes, children, edges, enter, leave, left, width, is_box)

    def _columns_before(self, scope: str, children: Sequence[str]) -> list[int] | None:
        """The columns that the children of a scope were in, where it was open with the same children."""
        before = self._previous_columns.get(scope, {})
        return [before[child] for child in children] if before.keys() == set(children) else None

    def _size(self, child: str, inner: Mapping[str, ScopeLayout]) -> Size:
        return (inner[child].width, inner[child].height) if child in inner else row_size(self._nodes[child])

    def _place(self, level: Level) -> Placed:
        if level not in self._placed:
            self._placed[level] = place_level(level)
        return self._placed[level]
