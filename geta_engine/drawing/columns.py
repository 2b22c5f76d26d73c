"""A tall level is cut into columns that stand side by side."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from geta_engine.drawing.gutters import LANE, TURN, Extent, Gutters, leads_back
from geta_engine.drawing.layers import Placed, Point, Size

COLUMN_GAP = 64.0
"""px between two columns at least."""
LEAST_GAP = 8.0
"""px between two ranks from which on a level can be cut there."""
ASPECT = 1.75
"""Width over height that a level in columns aims at."""
INERTIA = 2.5
"""The columns on screen stay until they are this many times worse than the best ones."""


@dataclass(frozen=True)
class Wrapped:
    """A level in columns.

    `centres` and `columns` are those of its things, `points` the control points of its edges, and `margin` how much of
    the height above and below the columns is there for the edges between them. Lengths are px.
    """

    centres: tuple[Point, ...]
    columns: tuple[int, ...]
    points: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    margin: float = 0.0


def wrap_level(
    placed: Placed, sizes: Sequence[Size], limit: float, previous: Sequence[int] | None = None, aspect: float = ASPECT
) -> Wrapped:
    """Cut a level over `limit` px high at gaps between ranks into columns of this aspect, or leave it as it is.

    `previous` are the columns that the first things of the level were in before: they stay where they still can be and
    are not much worse than the best.
    """
    width = max((x + w / 2 for (x, _), (w, _) in zip(placed.centres, sizes, strict=True)), default=0.0)
    height = max((y + h / 2 for (_, y), (_, h) in zip(placed.centres, sizes, strict=True)), default=0.0)
    width = max([width, *(x for stops in placed.stops for x, _, _ in stops)])
    cuts = _best_cuts(placed, sizes, height, limit, aspect) if height > limit else []
    previous_cuts = None if previous is None else _cuts_between(placed, sizes, previous)
    if previous_cuts is not None:
        score, best = (_score(placed, sizes, c, limit, aspect) for c in (previous_cuts, cuts))
        cuts = previous_cuts if score <= best * INERTIA else cuts
    return _cut(placed, sizes, cuts) if cuts else _whole(placed, width, height)


def _whole(placed: Placed, width: float, height: float) -> Wrapped:
    back = sum(leads_back(stops) for stops in placed.stops)
    gap = 2 * TURN + LANE * back
    routes = Gutters((), (Extent(0.0, width, 0.0, height),), ((0.0, 0.0),), gap).routes(placed.stops)
    columns = (0,) * len(placed.centres)
    return Wrapped(placed.centres, columns, routes, width + gap * (back > 0), height)


def _cuts_between(placed: Placed, sizes: Sequence[Size], columns: Sequence[int]) -> list[float] | None:
    """Where to cut so that things stand in these columns, or None where no line parts them."""
    cuts = []
    spans = [(y - h / 2, y + h / 2) for (_, y), (_, h) in zip(placed.centres, sizes, strict=True)]
    for column in range(1, max(columns, default=0) + 1):
        above = max(bottom for (_, bottom), at in zip(spans, columns, strict=False) if at < column)
        below = min(top for (top, _), at in zip(spans, columns, strict=False) if at >= column)
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
    extents = _extents(placed, sizes, cuts)
    total = sum(extent.right - extent.left for extent in extents) + COLUMN_GAP * (len(extents) - 1)
    tallest = max(extent.bottom - extent.top for extent in extents)
    return max(total / aspect, tallest, limit * 0.6) * (1 + 0.02 * len(cuts))


def _even_cuts(gaps: Sequence[float], height: float, columns: int) -> list[float]:
    """At most `columns` - 1 gaps, the lowest columns as short as a greedy filling makes them."""
    low, high, best = height / columns, height, list[float]()
    for _ in range(12):
        limit = (low + high) / 2
        cuts = _fill(gaps, height, limit)
        if cuts is not None and len(cuts) < columns:
            best, high = cuts, limit
        else:
            low = limit
    return best


def _fill(gaps: Sequence[float], height: float, limit: float) -> list[float] | None:
    """Cuts that make each column as tall as `limit` allows, or None where a column cannot be that short."""
    cuts, start = [], 0.0
    while height - start > limit:
        index = bisect_right(gaps, start + limit) - 1
        if index < 0 or gaps[index] <= start:
            return None
        start = gaps[index]
        cuts.append(start)
    return cuts


def _extents(placed: Placed, sizes: Sequence[Size], cuts: Sequence[float]) -> list[Extent]:
    """What each column holds. Edges that pass through count for its sides, ports do not count for top and bottom."""
    columns = [[float("inf"), 0.0, float("inf"), 0.0] for _ in range(len(cuts) + 1)]
    for (x, y), (w, h) in zip(placed.centres, sizes, strict=True):
        sides = columns[bisect_right(cuts, y)]
        sides[0], sides[1] = min(sides[0], x - w / 2), max(sides[1], x + w / 2)
        if h:
            sides[2], sides[3] = min(sides[2], y - h / 2), max(sides[3], y + h / 2)
    for stops in placed.stops:
        for x, top, bottom in stops:
            sides = columns[bisect_right(cuts, (top + bottom) / 2)]
            sides[0], sides[1] = min(sides[0], x), max(sides[1], x)
    return [Extent(*sides) for sides in columns]


def _cut(placed: Placed, sizes: Sequence[Size], cuts: Sequence[float]) -> Wrapped:
    extents = _extents(placed, sizes, cuts)
    spans = [sorted((stops[0][1], stops[-1][2])) for stops in placed.stops]
    crossing = max(sum(1 for low, high in spans if low < cut < high) for cut in cuts)
    head = TURN + LANE * crossing
    gap = max(COLUMN_GAP, 2 * TURN + LANE * crossing)
    shifts, x = [], 0.0
    for extent in extents:
        shifts.append((x - extent.left, head - extent.top))
        x += extent.right - extent.left + gap
    bottom = max(extent.bottom + dy for extent, (_, dy) in zip(extents, shifts, strict=True)) + head
    centres = []
    for cx, cy in placed.centres:
        dx, dy = shifts[bisect_right(cuts, cy)]
        centres.append((cx + dx, cy + dy))
    routes = Gutters(cuts, extents, shifts, gap).routes(placed.stops)
    columns = tuple(bisect_right(cuts, y) for _, y in placed.centres)
    back_gutter = gap if any(leads_back(stops) and stops[0][2] > cuts[-1] for stops in placed.stops) else 0.0
    return Wrapped(tuple(centres), columns, routes, x - gap + back_gutter, bottom, head)
