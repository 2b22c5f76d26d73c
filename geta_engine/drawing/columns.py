"""Edges as control points, and tall levels cut into columns that stand side by side.

An edge's control points are those of a quadratic B-spline: the curve starts at the first, ends at the last, and
goes smoothly between the middles of the others, so that runs of points on one line are drawn straight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from geta_engine.drawing.layers import Placed, Point, Size, Stop

COLUMN_GAP = 64.0
LANE = 9.0
TURN = 16.0
LEAST_GAP = 8.0
"""px between two ranks from which on a level can be cut there."""
RISE = 22.0
"""An S is over this far below where it starts, so that the rest of a long edge runs straight into its target."""
BESIDE = 12.0
"""An edge that leads back leaves and enters so far, in px, from its ends."""
ASPECT = 1.75
"""Width over height that a wrapped level aims at."""
PATIENCE = 2.5
"""Columns that were there before stay until they are this many times worse than the best ones."""


@dataclass(frozen=True)
class Wrapped:
    """A level in columns: centres and columns of its things, control points of the edges, the size of it all, and how
    much of it above and below the columns is there for the edges between them."""

    centres: tuple[Point, ...]
    columns: tuple[int, ...]
    points: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    margin: float = 0.0


def smooth(stops: Sequence[Stop]) -> list[Point]:
    """Control points through stops: straight down at each, an S between two that are not above each other."""
    points: list[Point] = []
    for (x0, _, start), (x1, end, _) in pairwise(stops):
        points.append((x0, start))
        if abs(x0 - x1) >= 1:
            bend = start + min((end - start) / 2, RISE)
            points += [(x0, bend), (x1, bend)]
        points.append((x1, end))
    return points


def wrap(
    placed: Placed, sizes: Sequence[Size], limit: float, kept: Sequence[int] | None = None, aspect: float = ASPECT
) -> Wrapped:
    """Cut a level over `limit` high at gaps between ranks into columns of a pleasing aspect, or leave it as it is.

    `kept` are the columns that the first things of the level were in before: they are kept where they still can be
    and are not much worse than the best.
    """
    width = max((x + w / 2 for (x, _), (w, _) in zip(placed.centres, sizes, strict=True)), default=0.0)
    height = max((y + h / 2 for (_, y), (_, h) in zip(placed.centres, sizes, strict=True)), default=0.0)
    width = max([width, *(x for stops in placed.stops for x, _, _ in stops)])
    cuts = _best_cuts(placed, sizes, height, limit, aspect) if height > limit else []
    before = None if kept is None else _cuts_between(placed, sizes, kept)
    if before is not None:
        score, best = (_score(placed, sizes, c, limit, aspect) for c in (before, cuts))
        cuts = before if score <= best * PATIENCE else cuts
    return _cut(placed, sizes, cuts) if cuts else _whole(placed, width, height)


def _whole(placed: Placed, width: float, height: float) -> Wrapped:
    back = sum(_climbs(stops) for stops in placed.stops)
    gap = 2 * TURN + LANE * back
    walk = _Walk((), ((0.0, width, 0.0, height),), ((0.0, 0.0),), gap, {})
    columns = (0,) * len(placed.centres)
    return Wrapped(placed.centres, columns, walk.routes(placed.stops), width + gap * (back > 0), height)


def _climbs(stops: Sequence[Stop]) -> bool:
    """Whether an edge leads back up, as to a module that is called again."""
    return stops[-1][1] < stops[0][2]


def _cuts_between(placed: Placed, sizes: Sequence[Size], columns: Sequence[int]) -> list[float] | None:
    """Where to cut so that things stand in these columns, or None where no line parts them."""
    cuts = []
    spans = [(y - h / 2, y + h / 2) for (_, y), (_, h) in zip(placed.centres, sizes, strict=True)]
    for column in range(1, max(columns, default=0) + 1):
        above = max(bottom for (_, bottom), own in zip(spans, columns, strict=False) if own < column)
        below = min(top for (top, _), own in zip(spans, columns, strict=False) if own >= column)
        if below - above <= LEAST_GAP:
            return None
        cuts.append((above + below) / 2)
    return cuts


def _gaps(placed: Placed, sizes: Sequence[Size]) -> list[float]:
    """Heights at which a horizontal line meets no node: the middles of the gaps."""
    spans = sorted((y - h / 2, y + h / 2) for (_, y), (_, h) in zip(placed.centres, sizes, strict=True))
    gaps, reach = [], spans[0][1]
    for top, bottom in spans:
        if top - reach > LEAST_GAP:
            gaps.append((top + reach) / 2)
        reach = max(reach, bottom)
    return gaps


def _best_cuts(placed: Placed, sizes: Sequence[Size], height: float, limit: float, aspect: float) -> list[float]:
    gaps = _gaps(placed, sizes)
    best, best_score = [], max(height, 1.0)
    for columns in range(2, min(len(gaps), 24) + 2):
        cuts = _even_cuts(gaps, height, columns)
        score = _score(placed, sizes, cuts, limit, aspect)
        if score < best_score * 0.97:
            best, best_score = cuts, score
    return best


def _score(placed: Placed, sizes: Sequence[Size], cuts: Sequence[float], limit: float, aspect: float) -> float:
    """How large a level is in these columns, in px; the smaller the better."""
    frames = _frames(placed, sizes, cuts)
    total = sum(right - left for left, right, _, _ in frames) + COLUMN_GAP * (len(frames) - 1)
    tallest = max(bottom - top for _, _, top, bottom in frames)
    return max(total / aspect, tallest, limit * 0.6) * (1 + 0.02 * len(cuts))


def _even_cuts(gaps: Sequence[float], height: float, columns: int) -> list[float]:
    """At most `columns` - 1 gaps, the lowest columns as short as a greedy filling makes them."""
    low, high, best = height / columns, height, list[float]()
    for _ in range(12):
        room = (low + high) / 2
        cuts = _fill(gaps, height, room)
        if cuts is not None and len(cuts) < columns:
            best, high = cuts, room
        else:
            low = room
    return best


def _fill(gaps: Sequence[float], height: float, room: float) -> list[float] | None:
    cuts, start = [], 0.0
    while height - start > room:
        index = bisect_right(gaps, start + room) - 1
        if index < 0 or gaps[index] <= start:
            return None
        start = gaps[index]
        cuts.append(start)
    return cuts


def _frames(placed: Placed, sizes: Sequence[Size], cuts: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """(left, right, top, bottom) of what each column holds; edges passing through count for its sides, ports do not
    count for its top and bottom."""
    frames = [[float("inf"), 0.0, float("inf"), 0.0] for _ in range(len(cuts) + 1)]
    for (x, y), (w, h) in zip(placed.centres, sizes, strict=True):
        frame = frames[bisect_right(cuts, y)]
        frame[0], frame[1] = min(frame[0], x - w / 2), max(frame[1], x + w / 2)
        if h:
            frame[2], frame[3] = min(frame[2], y - h / 2), max(frame[3], y + h / 2)
    for stops in placed.stops:
        for x, top, bottom in stops:
            frame = frames[bisect_right(cuts, (top + bottom) / 2)]
            frame[0], frame[1] = min(frame[0], x), max(frame[1], x)
    return [(left, right, top, bottom) for left, right, top, bottom in frames]


def _cut(placed: Placed, sizes: Sequence[Size], cuts: Sequence[float]) -> Wrapped:
    frames = _frames(placed, sizes, cuts)
    spans = [sorted((stops[0][1], stops[-1][2])) for stops in placed.stops]
    crossing = max(sum(1 for low, high in spans if low < cut < high) for cut in cuts)
    head = TURN + LANE * crossing
    gap = max(COLUMN_GAP, 2 * TURN + LANE * crossing)
    shifts, x = [], 0.0
    for left, right, top, _ in frames:
        shifts.append((x - left, head - top))
        x += right - left + gap
    bottom = max(frame[3] + shift[1] for frame, shift in zip(frames, shifts, strict=True)) + head
    centres = []
    for cx, cy in placed.centres:
        dx, dy = shifts[bisect_right(cuts, cy)]
        centres.append((cx + dx, cy + dy))
    routes = _Walk(cuts, frames, shifts, gap, {}).routes(placed.stops)
    columns = tuple(bisect_right(cuts, y) for _, y in placed.centres)
    aside = gap if any(_climbs(stops) and stops[0][2] > cuts[-1] for stops in placed.stops) else 0.0
    return Wrapped(tuple(centres), columns, routes, x - gap + aside, bottom, head)


@dataclass(frozen=True)
class _Walk:
    """Leads edges over the cuts: out below a column, up the gutter to its right, in above the next one. Edges that lead
    back leave below their source and go up in a gutter. Edges of one source share a lane."""

    cuts: Sequence[float]
    frames: Sequence[tuple[float, float, float, float]]
    shifts: Sequence[Point]
    gap: float
    lanes: dict[tuple[int, float], int]

    def routes(self, edges: Sequence[Sequence[Stop]]) -> tuple[tuple[Point, ...], ...]:
        return tuple(tuple(self._back(stops) if _climbs(stops) else self._down(stops)) for stops in edges)

    def _down(self, stops: Sequence[Stop]) -> list[Point]:
        pieces: list[list[Stop]] = [[]]
        columns = [bisect_right(self.cuts, (top + bottom) / 2) for _, top, bottom in stops]
        for stop, column, before in zip(stops, columns, [columns[0], *columns], strict=False):
            if column != before:
                pieces.append([])
            dx, dy = self.shifts[column]
            pieces[-1].append((stop[0] + dx, stop[1] + dy, stop[2] + dy))
        used = list(dict.fromkeys(columns))
        result = _straight_or_smooth(pieces[0])
        for before, piece, left in zip(used, pieces[1:], pieces, strict=False):
            result += self._gutter(before, left[-1], piece[0], stops[0])
            result += _straight_or_smooth(piece)
        return result

    def _back(self, stops: Sequence[Stop]) -> list[Point]:
        """Up the gutter of its column, over the columns where its target is in another, and down the gutter there."""
        source, target = (bisect_right(self.cuts, y) for y in (stops[0][2], stops[-1][1]))
        start, end = (_moved(stop, self.shifts[at]) for stop, at in ((stops[0], source), (stops[-1], target)))
        below, above = start[1] + BESIDE, end[1] - BESIDE
        up, down = self._lane(source, stops[0]), self._lane(target, stops[0])
        over = self.frames[source][2] + self.shifts[source][1] - TURN - up
        x, x_down = self._middle(source) + up / 2, self._middle(target) + down / 2
        across = [] if source == target else [(x, over), (x_down, over)]
        return _rounded([start, (start[0], below), (x, below), *across, (x_down, above), (end[0], above), end])

    def _gutter(self, column: int, out: Stop, into: Stop, source: Stop) -> list[Point]:
        lane = self._lane(column, source)
        below = self.frames[column][3] + self.shifts[column][1] + TURN + lane
        above = self.frames[column + 1][2] + self.shifts[column + 1][1] - TURN - lane
        x = self._middle(column) + lane / 2
        corners = [(out[0], below), (x, below), (x, above), (into[0], above)]
        return _rounded([(out[0], out[2]), *corners, (into[0], into[1])])[1:-1]

    def _lane(self, column: int, source: Stop) -> float:
        taken = sum(1 for key in self.lanes if key[0] == column)
        return self.lanes.setdefault((column, source[0] * 1e5 + source[1]), taken) * LANE

    def _middle(self, column: int) -> float:
        """Where the gutter at the right of a column begins to be used."""
        return self.frames[column][1] + self.shifts[column][0] + self.gap / 2


def _moved(stop: Stop, shift: Point) -> Point:
    return stop[0] + shift[0], stop[1] + shift[1]


def _straight_or_smooth(stops: Sequence[Stop]) -> list[Point]:
    if len(stops) == 1:
        x, top, bottom = stops[0]
        return [(x, top), (x, bottom)] if bottom > top else [(x, top)]
    return smooth(stops)


def _rounded(path: Sequence[Point]) -> list[Point]:
    """Control points of a way along straight lines, its corners rounded."""
    corners = [_corner(before, corner, after) for before, corner, after in zip(path, path[1:], path[2:])]
    return [path[0], *(point for corner in corners for point in corner), path[-1]]


def _corner(before: Point, corner: Point, after: Point) -> list[Point]:
    """Three control points that round a corner."""
    return [_towards(corner, before), corner, _towards(corner, after)]


def _towards(start: Point, end: Point, distance: float = 14.0) -> Point:
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(distance, length / 2) / length if length else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
