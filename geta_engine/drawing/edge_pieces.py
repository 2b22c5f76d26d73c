"""An edge between two open scopes, cut where it crosses their borders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from geta_engine.documents.layout import VisibleEdge
from geta_engine.drawing.boxes import OUT, Key
from geta_engine.drawing.hierarchy import SCOPE_PREFIX, Hierarchy


class Piece(NamedTuple):
    """The part of an edge in one open scope: the children that it leads from and to, OUT where that is the border."""

    scope: str
    key: Key
    ends: tuple[str, str]


class EdgePieces:
    """Cuts edges between things on screen, which are given by id."""

    def __init__(self, hierarchy: Hierarchy, on_screen: Iterable[str]) -> None:
        self._paths = {key: ("", *_scopes_around(hierarchy, key)) for key in on_screen}

    def of(self, edge: VisibleEdge) -> list[Piece]:
        """The pieces in order: out through the borders of the source's scopes, across, and in."""
        source, target = edge["source"], edge["target"]
        up, down = self._paths[source], self._paths[target]
        common = 0
        while common + 1 < min(len(up), len(down)) and up[common + 1] == down[common + 1]:
            common += 1
        pieces = [
            Piece(up[depth], (source, OUT), (self._child(source, depth), OUT))
            for depth in range(len(up) - 1, common, -1)
        ]
        across = self._child(target, common)
        pieces.append(Piece(up[common], (source, across), (self._child(source, common), across)))
        for depth in range(common + 1, len(down)):
            into = self._child(target, depth)
            pieces.append(Piece(down[depth], (source, into), (OUT, into)))
        return pieces

    def _child(self, key: str, depth: int) -> str:
        """What stands for a thing in the level `depth` steps below the root."""
        path = self._paths[key]
        return key if depth == len(path) - 1 else SCOPE_PREFIX + path[depth + 1]


def _scopes_around(hierarchy: Hierarchy, key: str) -> tuple[str, ...]:
    return hierarchy.rows[key].path if key in hierarchy.rows else hierarchy.around[key.removeprefix(SCOPE_PREFIX)]
