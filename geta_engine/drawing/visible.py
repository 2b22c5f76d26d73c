"""What is on screen for a set of open scopes: rows, closed scopes and the edges between them; and which scopes to open
at first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from geta_engine.drawing.hierarchy import NORMS, SCOPE_PREFIX, Graph, Hierarchy, build, short_count
from geta_engine.drawing.repeats import is_fold

DEFAULT_BUDGET = 60
"""The first view shows at most this many rows and closed scopes."""
MODULES_PER_ROW = 4
"""A scope is its modules, which are counted on it, where each row beside them has at least this many."""


def visible(graph: Graph, hierarchy: Hierarchy, open_scopes: frozenset[str]) -> dict[str, Any]:
    """The rows and closed scopes on screen, and the edges between them.

    `{"nodes": {id: {"id", "kind": "row" | "scope", "parent", "label", "badge", "detail", "members": [node ids]}},
    "edges": [{"source", "target", "multiplicity", "quantizers": [ids]}]}`; "parent" is the open scope around it.
    """
    facts = {node["id"]: node for node in graph["nodes"]}
    shown = {row: hierarchy.shown_as(row, open_scopes) for row in hierarchy.rows}
    inside: dict[str, list[str]] = defaultdict(list)
    for row, target in shown.items():
        inside[target].append(row)
    nodes = {}
    for target, rows in inside.items():
        make = _scope_entry if target.startswith(SCOPE_PREFIX) else _row_entry
        nodes[target] = make(target, rows, hierarchy, facts)
    return {"nodes": nodes, "edges": _visible_edges(hierarchy, shown)}


def default_open(
    graph: Graph, budget: int = DEFAULT_BUDGET, every: bool = False, show_shape: bool = False
) -> frozenset[str]:
    """The scopes that are open at first; folds of repeated modules and what holds fewer than two layers only with
    `every`.

    Whole levels while at most `budget` things are on screen, and, of the level that would be too much, the first scope
    of each make as an example, where there is room.
    """
    hierarchy = build(graph, show_shape)
    worthy = list(hierarchy.scopes) if every else _worth_opening(graph, hierarchy)
    opened: frozenset[str] = frozenset()
    while True:
        closed = (scope for scope in worthy if scope not in opened)
        level = [scope for scope in closed if _within(hierarchy, scope, opened)]
        if not level:
            return opened
        if _count(hierarchy, opened.union(level)) > budget:
            return _open_examples(graph, hierarchy, opened, level, budget)
        opened = opened.union(level)


def everything(graph: Graph, show_shape: bool = False) -> tuple[frozenset[str], int]:
    """All scopes, and how many things are on screen with all of them open."""
    hierarchy = build(graph, show_shape)
    return frozenset(hierarchy.scopes), len(hierarchy.rows)


def _worth_opening(graph: Graph, hierarchy: Hierarchy) -> list[str]:
    """Scopes in order whose inside says more than they do."""
    facts = {node["id"]: node for node in graph["nodes"]}
    layers: dict[str, int] = defaultdict(int)
    for row in hierarchy.rows.values():
        for scope in row.path:
            layers[scope] += sum(facts[key]["kind"] == "layer" for key in row.nodes)
    return [s for s in hierarchy.scopes if s in hierarchy.branches or (layers[s] >= 2 and not is_fold(s))]


def scopes_around(graph: Graph, node: str, show_shape: bool = False) -> frozenset[str]:
    """The scopes to open so that a node is on screen; none where there is no such node."""
    hierarchy = build(graph, show_shape)
    row = hierarchy.row_of.get(node)
    return frozenset(hierarchy.rows[row].path) if row else frozenset()


def scopes_inside(graph: Graph, scope: str, show_shape: bool = False) -> frozenset[str]:
    """The scopes that a drawn scope holds; none where there is no such scope."""
    around = build(graph, show_shape).around
    return frozenset(inner for inner, outer in around.items() if scope in outer)


def nodes_inside(graph: Graph, scope: str, show_shape: bool = False) -> frozenset[str]:
    """The nodes that a drawn scope holds, hidden ones included; none where there is no such scope."""
    hierarchy = build(graph, show_shape)
    rows = {key for key, row in hierarchy.rows.items() if scope in row.path}
    return frozenset(node for node, row in hierarchy.row_of.items() if row in rows)


def count_shown(graph: Graph, open_scopes: frozenset[str], show_shape: bool = False) -> int:
    """How many rows and closed scopes are on screen."""
    return _count(build(graph, show_shape), open_scopes)


def _row_entry(target: str, rows: list[str], hierarchy: Hierarchy, facts: Mapping[str, Any]) -> dict[str, Any]:
    row = hierarchy.rows[rows[0]]
    return {
        "id": target,
        "kind": "row",
        "parent": row.path[-1] if row.path else "",
        "label": row.label,
        "badge": "",
        "detail": facts[row.nodes[0]]["detail"],
        "members": list(row.nodes),
    }


def _scope_entry(target: str, rows: list[str], hierarchy: Hierarchy, facts: Mapping[str, Any]) -> dict[str, Any]:
    scope = target.removeprefix(SCOPE_PREFIX)
    outer = hierarchy.around[scope]
    members = [key for row in rows for key in hierarchy.rows[row].nodes]
    layers = sum(1 for key in members if facts[key]["kind"] == "layer" and facts[key]["op"] not in NORMS)
    size = sum(facts[key].get("n_params") or 0 for key in members)
    things = f"{layers} layer{'s' * (layers != 1)}" if layers else f"{len(members)} ops"
    return {
        "id": target,
        "kind": "scope",
        "parent": outer[-1] if outer else "",
        "label": hierarchy.label(scope),
        "badge": repeats(hierarchy, facts, scope),
        "detail": f"{things} · {short_count(size)}" if size else things,
        "members": members,
    }


def repeats(hierarchy: Hierarchy, facts: Mapping[str, Any], scope: str) -> str:
    """`×12` when the scope is modules of the same make, `3 blocks` when they are not; "" below two, and where more than
    a row or so stands beside them: one for `MODULES_PER_ROW` modules, none larger than the largest module.

    Worked: twelve blocks and a norm are `×12`; an attention of two norms among four projections says nothing.
    """
    made = {child: _make(hierarchy, facts, child) for child in _blocks(hierarchy, scope)}
    blocks = {child: make for child, make in made.items() if make}
    beside = [child for child in made if not child.startswith(SCOPE_PREFIX)]
    if len(blocks) < 2 or MODULES_PER_ROW * len(beside) > len(blocks):
        return ""
    if beside and _largest(hierarchy, facts, beside) > _largest(hierarchy, facts, blocks):
        return ""
    return f"×{len(blocks)}" if len(set(blocks.values())) == 1 else f"{len(blocks)} blocks"


def _largest(hierarchy: Hierarchy, facts: Mapping[str, Any], children: Iterable[str]) -> int:
    """The most parameters that one of them holds."""
    return max(sum(facts[key].get("n_params") or 0 for key in _nodes_of(hierarchy, child)) for child in children)


def _blocks(hierarchy: Hierarchy, scope: str) -> Iterator[str]:
    """What is directly inside, with the modules of a fold one by one."""
    for child in hierarchy.children[scope]:
        if is_fold(child):
            yield from hierarchy.children[child.removeprefix(SCOPE_PREFIX)]
        else:
            yield child


def _make(hierarchy: Hierarchy, facts: Mapping[str, Any], child: str) -> tuple[str, ...]:
    """What a module is made of: the ops inside, in order (nothing for a row or a quantizer branch)."""
    if not child.startswith(SCOPE_PREFIX) or child.removeprefix(SCOPE_PREFIX) in hierarchy.branches:
        return ()
    return tuple(facts[key]["op"] for key in _nodes_of(hierarchy, child))


def _nodes_of(hierarchy: Hierarchy, child: str) -> Iterator[str]:
    """The nodes of a row, or of all rows in a scope, in order."""
    if not child.startswith(SCOPE_PREFIX):
        yield from hierarchy.rows[child].nodes
        return
    for inner in hierarchy.children[child.removeprefix(SCOPE_PREFIX)]:
        yield from _nodes_of(hierarchy, inner)


def _visible_edges(hierarchy: Hierarchy, shown: Mapping[str, str]) -> list[dict[str, Any]]:
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for link in hierarchy.links:
        source, target = shown[hierarchy.row_of[link.source]], shown[hierarchy.row_of[link.target]]
        if source == target:
            continue
        empty = {"source": source, "target": target, "multiplicity": 0, "quantizers": []}
        edge = merged.setdefault((source, target), empty)
        edge["multiplicity"] += 1
        edge["quantizers"] += [mark for mark in link.quantizers if mark not in edge["quantizers"]]
    return list(merged.values())


def _within(hierarchy: Hierarchy, scope: str, opened: frozenset[str]) -> bool:
    """Whether the scope is on screen, closed, when `opened` are open."""
    return all(outer in opened for outer in hierarchy.around[scope])


def _count(hierarchy: Hierarchy, opened: frozenset[str]) -> int:
    return len({hierarchy.shown_as(row, opened) for row in hierarchy.rows})


def _open_examples(
    graph: Graph, hierarchy: Hierarchy, opened: frozenset[str], level: list[str], budget: int
) -> frozenset[str]:
    facts = {node["id"]: node for node in graph["nodes"]}
    seen: set[tuple[str, ...]] = set()
    for scope in level:
        make = _make(hierarchy, facts, SCOPE_PREFIX + scope)
        if make in seen:
            continue
        seen.add(make)
        if _count(hierarchy, opened | {scope}) <= budget:
            opened |= {scope}
    return opened
