"""Which scopes to open: at first, to see a node, and all of them; and what a scope holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from geta_engine.documents.analysis import GraphDocument
from geta_engine.drawing.hierarchy import SCOPE_PREFIX, Hierarchy, build
from geta_engine.drawing.repeats import is_fold
from geta_engine.drawing.visible import make_of

DEFAULT_BUDGET = 60
"""The first view has at most this many rows and closed scopes."""


def default_open(
    graph: GraphDocument, budget: int = DEFAULT_BUDGET, every: bool = False, show_shape: bool = False
) -> frozenset[str]:
    """The scopes that are open at first.

    Whole levels are opened while at most `budget` things are on screen. Of the level that would be too much, the first
    scope of each make is opened as an example, where the budget allows it. Folds of repeated modules, and scopes of
    fewer than two layers, are opened with `every` only.
    """
    hierarchy = build(graph, show_shape)
    candidates = list(hierarchy.scopes) if every else _worth_opening(graph, hierarchy)
    opened: frozenset[str] = frozenset()
    while True:
        closed = (scope for scope in candidates if scope not in opened)
        level = [scope for scope in closed if _is_on_screen(hierarchy, scope, opened)]
        if not level:
            return opened
        if _count(hierarchy, opened.union(level)) > budget:
            return _open_examples(graph, hierarchy, opened, level, budget)
        opened = opened.union(level)


def everything(graph: GraphDocument, show_shape: bool = False) -> tuple[frozenset[str], int]:
    """All scopes, and how many things are on screen with all of them open."""
    hierarchy = build(graph, show_shape)
    return frozenset(hierarchy.scopes), len(hierarchy.rows)


def scopes_around(graph: GraphDocument, node: str, show_shape: bool = False) -> frozenset[str]:
    """The scopes to open so that a node is on screen; none where there is no such node."""
    hierarchy = build(graph, show_shape)
    row = hierarchy.row_of.get(node)
    return frozenset(hierarchy.rows[row].path) if row else frozenset()


def scopes_inside(graph: GraphDocument, scope: str, show_shape: bool = False) -> frozenset[str]:
    """The scopes that a drawn scope holds; none where there is no such scope."""
    around = build(graph, show_shape).around
    return frozenset(inner for inner, outer in around.items() if scope in outer)


def nodes_inside(graph: GraphDocument, scope: str, show_shape: bool = False) -> frozenset[str]:
    """The nodes that a drawn scope holds, hidden ones included; none where there is no such scope."""
    hierarchy = build(graph, show_shape)
    rows = {key for key, row in hierarchy.rows.items() if scope in row.path}
    return frozenset(node for node, row in hierarchy.row_of.items() if row in rows)


def _worth_opening(graph: GraphDocument, hierarchy: Hierarchy) -> list[str]:
    """Scopes in order whose inside says more than they do."""
    kinds = {node["id"]: node["kind"] for node in graph["nodes"]}
    layers: dict[str, int] = defaultdict(int)
    for row in hierarchy.rows.values():
        for scope in row.path:
            layers[scope] += sum(kinds[key] == "layer" for key in row.nodes)
    return [s for s in hierarchy.scopes if s in hierarchy.branches or (layers[s] >= 2 and not is_fold(s))]


def _is_on_screen(hierarchy: Hierarchy, scope: str, opened: frozenset[str]) -> bool:
    """Whether a closed scope is on screen when `opened` are open."""
    return all(outer in opened for outer in hierarchy.around[scope])


def _count(hierarchy: Hierarchy, opened: frozenset[str]) -> int:
    return len({hierarchy.visible_as(row, opened) for row in hierarchy.rows})


def _open_examples(
    graph: GraphDocument, hierarchy: Hierarchy, opened: frozenset[str], level: Sequence[str], budget: int
) -> frozenset[str]:
    nodes = {node["id"]: node for node in graph["nodes"]}
    makes: set[tuple[str, ...]] = set()
    for scope in level:
        make = make_of(hierarchy, nodes, SCOPE_PREFIX + scope)
        if make in makes:
            continue
        makes.add(make)
        if _count(hierarchy, opened | {scope}) <= budget:
            opened |= {scope}
    return opened
