"""One level as a box: ports on its border, the ends of edges at them, its contents below its title."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from geta_engine.drawing.columns import Wrapped
from geta_engine.drawing.gutters import TURN
from geta_engine.drawing.layers import Level, Placed, Point, Size, Stop

PAD, HEAD, FOOT = 16.0, 46.0, 14.0
"""Space in px around the things inside a box: at the sides, above them (the title, an edge's pill), and below."""
SPREAD = 20.0
"""px between the ends of edges that enter one row."""
OUT = ""
"""What stands for an edge's end where the edge comes from or leads to the outside."""
Key = tuple[str, str]
"""(row or closed scope that an edge starts at, child that it enters), or (start, OUT) for an edge that leaves."""


@dataclass(frozen=True)
class ScopeLayout:
    """A laid-out level: offsets of its children's top left corners, control points of its edges, its ports."""

    width: float
    height: float
    corners: Mapping[str, Point]
    routes: Mapping[Key, tuple[Point, ...]]
    entries: Mapping[str, float]
    exits: Mapping[str, float]


def end_offsets(
    key: Key, ends: tuple[str, str], inner: Mapping[str, ScopeLayout], sizes: Sequence[Size], index: Mapping[str, int]
) -> tuple[float, float]:
    """How far from the centre of its source and target an edge starts and ends: at the ports of open scopes."""
    start = inner[ends[0]].exits[key[0]] - sizes[index[ends[0]]][0] / 2 if ends[0] in inner else 0.0
    end = inner[ends[1]].entries[key[0]] - sizes[index[ends[1]]][0] / 2 if ends[1] in inner else 0.0
    return start, end


def attach(placed: Placed, level: Level, ends: Sequence[tuple[float, float]]) -> Placed:
    """Move the ends of edges to the ports of boxes, and spread the ends of several that enter one row."""
    arriving: dict[int, list[int]] = {}
    ports = {*level.entries, *level.exits}
    for number, (_, target) in enumerate(level.edges):
        if ends[number][1] == 0 and target not in ports:
            arriving.setdefault(target, []).append(number)
    shift = {number: ends[number][1] for number in range(len(level.edges))}
    for target, numbers in arriving.items():
        centre, width = placed.centres[target][0], level.sizes[target][0]
        shift.update(_spread([(placed.stops[n][-2][0] - centre, n) for n in numbers], width))
    stops = tuple(_with_ends_moved(stops, ends[number][0], shift[number]) for number, stops in enumerate(placed.stops))
    return Placed(placed.centres, stops)


def _spread(arriving: Sequence[tuple[float, int]], width: float) -> dict[int, float]:
    """Ends side by side in the order they come from; one from straight above keeps the middle."""
    ordered = sorted(arriving)
    if len(ordered) < 2:
        return {number: 0.0 for _, number in ordered}
    step = min(SPREAD, (width - 24) / (len(ordered) - 1))
    above = [position for position, (x, _) in enumerate(ordered) if abs(x) < 3]
    middle = float(above[0]) if len(above) == 1 and step == SPREAD else (len(ordered) - 1) / 2
    reach = width / 2 - 12
    return {n: min(max((i - middle) * step, -reach), reach) for i, (_, n) in enumerate(ordered)}


def _with_ends_moved(stops: tuple[Stop, ...], start: float, end: float) -> tuple[Stop, ...]:
    first, last = stops[0], stops[-1]
    return ((first[0] + start, *first[1:]), *stops[1:-1], (last[0] + end, *last[1:]))


def centred(wrapped: Wrapped, entries: Iterable[int], exits: Iterable[int]) -> tuple[float, float]:
    """Padding at the left of a box and its width, so that the way in (else the way out) is in its middle."""
    ports = [*entries, *exits]
    left, right = PAD, wrapped.width + 2 * PAD
    if len(ports) == 0:
        return left, right
    trunk = wrapped.centres[ports[0]][0] + PAD
    lean = right - 2 * trunk
    if abs(lean) > 0.35 * right:
        return left, right
    return (left + lean, right + lean) if lean > 0 else (left, right - lean)


def boxed(
    wrapped: Wrapped,
    sizes: Sequence[Size],
    children: Sequence[str],
    edges: Mapping[Key, tuple[str, str]],
    enter: Mapping[str, int],
    leave: Mapping[str, int],
    left: float,
    width: float,
    box: bool,
) -> ScopeLayout:
    """Shift a level into its box: things below the title, ports on the border.

    `enter` and `leave` number the ports, by what the edges start at. At the root, which is no `box`, nothing is shifted
    down.
    """
    tops = [y - h / 2 for (_, y), (_, h) in zip(wrapped.centres, sizes, strict=False)]
    bottoms = [y + h / 2 for (_, y), (_, h) in zip(wrapped.centres, sizes, strict=False)]
    lanes = max(wrapped.margin - TURN, 0.0)
    down = HEAD + lanes - min(tops) if box else 0.0
    height = max(bottoms) + down + max(FOOT, wrapped.margin + 6 if lanes else 0.0) if box else wrapped.height
    corners = {
        child: (x - w / 2 + left, y - h / 2 + down)
        for child, (x, y), (w, h) in zip(children, wrapped.centres, sizes, strict=False)
    }
    routes = {}
    for (key, ends), points in zip(edges.items(), wrapped.points, strict=True):
        inside = [(x + left, y + down) for x, y in points]
        if ends[0] == OUT:
            inside[0] = (inside[0][0], 0.0)
        if ends[1] == OUT:
            inside[-1] = (inside[-1][0], height)
        routes[key] = tuple(inside)
    entries = {name: wrapped.centres[i][0] + left for name, i in enter.items()}
    exits = {name: wrapped.centres[i][0] + left for name, i in leave.items()}
    return ScopeLayout(width, height, corners, routes, entries, exits)
