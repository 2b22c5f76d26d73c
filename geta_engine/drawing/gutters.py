"""Edges as control points, led through the gutters between columns.

An edge's control points are those of a quadratic B-spline: the curve starts at the first, ends at the last, and
goes smoothly between the middles of the others, so that runs of points on one line are drawn straight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from geta_engine.drawing.layers import Point, Stop

LANE = 9.0
"""px between two edges side by side in a gutter."""
TURN = 16.0
"""px between a column and the first lane next to it."""
RISE = 22.0
"""An S is over this far below where it starts, so that the rest of a long edge runs straight into its target."""
BACK_CLEARANCE = 12.0
"""An edge that leads back leaves and enters so far, in px, from its ends."""
CORNER = 14.0
"""px from a corner of a route to where its rounding begins."""


class Extent(NamedTuple):
    """The sides of what a column holds, before it is shifted to its place."""

    left: float
    right: float
    top: float
    bottom: float


def leads_back(stops: Sequence[Stop]) -> bool:
    """Whether an edge leads back up, as to a module that is called again."""
    return stops[-1][1] < stops[0][2]


@dataclass(frozen=True)
class Gutters:
    """Leads edges over the cuts between columns: out below one, up the gutter to its right, in above the next.

    Edges that lead back leave below their source and go up in a gutter. Edges of one source share a lane. `shifts` are
    how far the things of each column move, `gap` the width of a gutter, and `lanes` number the sources in a gutter.
    """

    cuts: Sequence[float]
    extents: Sequence[Extent]
    shifts: Sequence[Point]
    gap: float
    lanes: dict[tuple[int, float], int] = field(default_factory=dict)

    def routes(self, edges: Sequence[Sequence[Stop]]) -> tuple[tuple[Point, ...], ...]:
        """Control points of edges that are given as stops."""
        return tuple(tuple(self._back(stops) if leads_back(stops) else self._down(stops)) for stops in edges)

    def _down(self, stops: Sequence[Stop]) -> list[Point]:
        pieces: list[list[Stop]] = [[]]
        columns = [bisect_right(self.cuts, (top + bottom) / 2) for _, top, bottom in stops]
        for stop, column, previous in zip(stops, columns, [columns[0], *columns], strict=False):
            if column != previous:
                pieces.append([])
            dx, dy = self.shifts[column]
            pieces[-1].append((stop[0] + dx, stop[1] + dy, stop[2] + dy))
        passed = list(dict.fromkeys(columns))
        points = _straight_or_smooth(pieces[0])
        for column, previous_piece, piece in zip(passed, pieces, pieces[1:], strict=False):
            points += self._through_gutter(column, previous_piece[-1], piece[0], stops[0])
            points += _straight_or_smooth(piece)
        return points

    def _back(self, stops: Sequence[Stop]) -> list[Point]:
        """Up the gutter of its column, over the columns where its target is in another, and down the gutter there."""
        source, target = (bisect_right(self.cuts, y) for y in (stops[0][2], stops[-1][1]))
        start, end = _moved(stops[0], self.shifts[source]), _moved(stops[-1], self.shifts[target])
        below, above = start[1] + BACK_CLEARANCE, end[1] - BACK_CLEARANCE
        up, down = self._lane(source, stops[0]), self._lane(target, stops[0])
        over = self.extents[source].top + self.shifts[source][1] - TURN - up
        x, x_down = self._middle(source) + up / 2, self._middle(target) + down / 2
        across = [] if source == target else [(x, over), (x_down, over)]
        return _rounded([start, (start[0], below), (x, below), *across, (x_down, above), (end[0], above), end])

    def _through_gutter(self, column: int, out: Stop, into: Stop, source: Stop) -> list[Point]:
        lane = self._lane(column, source)
        below = self.extents[column].bottom + self.shifts[column][1] + TURN + lane
        above = self.extents[column + 1].top + self.shifts[column + 1][1] - TURN - lane
        x = self._middle(column) + lane / 2
        corners = [(out[0], below), (x, below), (x, above), (into[0], above)]
        return _rounded([(out[0], out[2]), *corners, (into[0], into[1])])[1:-1]

    def _lane(self, column: int, source: Stop) -> float:
        taken = sum(1 for key in self.lanes if key[0] == column)
        return self.lanes.setdefault((column, source[0] * 1e5 + source[1]), taken) * LANE

    def _middle(self, column: int) -> float:
        """Where the gutter at the right of a column begins to be used."""
        return self.extents[column].right + self.shifts[column][0] + self.gap / 2


def _moved(stop: Stop, shift: Point) -> Point:
    return stop[0] + shift[0], stop[1] + shift[1]


def _straight_or_smooth(stops: Sequence[Stop]) -> list[Point]:
    if len(stops) == 1:
        x, top, bottom = stops[0]
        return [(x, top), (x, bottom)] if bottom > top else [(x, top)]
    return _smooth(stops)


def _rounded(path: Sequence[Point]) -> list[Point]:
    """Control points of a path of straight lines, its corners rounded."""
    corners = [_corner(before, corner, after) for before, corner, after in zip(path, path[1:], path[2:])]
    return [path[0], *(point for corner in corners for point in corner), path[-1]]


def _corner(before: Point, corner: Point, after: Point) -> list[Point]:
    """Three control points that round a corner."""
    return [_towards(corner, before), corner, _towards(corner, after)]


def _towards(start: Point, end: Point) -> Point:
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(CORNER, length / 2) / length if length else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _smooth(stops: Sequence[Stop]) -> list[Point]:
    """Control points through stops: straight down at each, an S between two that are not above each other."""
    points: list[Point] = []
    for (x0, _, start), (x1, end, _) in pairwise(stops):
        points.append((x0, start))
        if abs(x0 - x1) >= 1:
            bend = start + min((end - start) / 2, RISE)
            points += [(x0, bend), (x1, bend)]
        points.append((x1, end))
    return points
