"""A traced graph as nested modules: rows of nodes, the scopes around them, and the links between nodes.

A *row* is one node or a small chain drawn as one: a layer with its batch norm and the activation after it. A *scope* is
a module that holds at least two things, a quantizer branch, or a run of repeated modules (`repeats`); closed, it is
drawn as one node.
Works on the "graph" of an analysis (nodes with "id", "op", "kind", "scope", ...; edges with "source", "target",
"quantizer"), returns plain dicts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from geta_engine.drawing import repeats
from geta_engine.drawing.stages import branch_scopes

Graph = Mapping[str, Any]

SCOPE_PREFIX = "scope:"
"""A drawn scope's id is this and its module path, so that it cannot be taken for a node."""
NORMS = frozenset({"batch_norm"})
ACTIVATIONS = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "gelu", "silu", "elu", "celu", "selu", "mish", "hardswish", "hardtanh"),
        *("hardsigmoid", "sigmoid", "tanh", "softplus", "dropout", "feature_dropout"),
    }
)
SHORT_OPS = {
    "scaled_dot_product_attention": "attention",
    "adaptive_avg_pool2d": "average pool",
    "avg_pool2d": "average pool",
    "adaptive_max_pool2d": "max pool",
    "max_pool2d": "max pool",
    "layer_norm": "norm",
    "cat": "concat",
}


@dataclass(frozen=True)
class DrawnNode:
    """Nodes drawn as one, in program order: `nodes[0]` leads and gives the row its id; `path` are the scopes around it,
    outermost first; `label` is what is written on it."""

    nodes: tuple[str, ...]
    path: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Link:
    """An edge between two nodes that are not hidden, with the activation quantizers met on the way."""

    source: str
    target: str
    quantizers: tuple[str, ...]


@dataclass(frozen=True)
class Hierarchy:
    """A graph without its hidden nodes: rows by id, links between nodes, and where each node went.

    `row_of[node]` is the id of the row that stands for any node of the graph, hidden ones included.
    `children[scope]` lists what is directly inside, in program order: row ids, and scopes with `SCOPE_PREFIX`;
    "" is the root. `branches` are the scopes that are quantizer branches.
    """

    rows: Mapping[str, DrawnNode]
    links: tuple[Link, ...]
    row_of: Mapping[str, str]
    children: Mapping[str, tuple[str, ...]]
    branches: frozenset[str]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Module paths of the scopes that can be opened, outer before inner."""
        return tuple(scope for scope in self.children if scope)

    @cached_property
    def around(self) -> dict[str, tuple[str, ...]]:
        """Each scope -> the scopes around it, outermost first."""
        paths = (row.path for row in self.rows.values())
        return {scope: path[:depth] for path in paths for depth, scope in enumerate(path)}

    def label(self, scope: str) -> str:
        """What is written on a scope where it stands; a fold around it is no part of its name."""
        named = [outer for outer in self.around[scope] if not repeats.is_fold(outer)]
        return relative(scope, named[-1] if named else "")

    def shown_as(self, row: str, open_scopes: Iterable[str]) -> str:
        """What is on screen for a row: the outermost closed scope around it, or the row itself."""
        for scope in self.rows[row].path:
            if scope not in open_scopes:
                return SCOPE_PREFIX + scope
        return row


def build(graph: Graph, show_shape: bool = False) -> Hierarchy:
    """Hide shape-only and helper nodes (unless asked for), join chains into rows, drop scopes that hold a single thing
    and are no quantizer branch, and fold repeated ones."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    branches = frozenset(branch_scopes(graph))
    hidden, helpers = (set(), set()) if show_shape else _hidden(nodes, graph["edges"])
    links = _pass_through(graph["edges"], hidden, helpers)
    scopes = _scopes_of(nodes, hidden, branches)
    lead_of = _join(nodes, links, scopes, hidden)
    members: dict[str, list[str]] = defaultdict(list)
    for key in nodes:
        if key not in hidden:
            members[lead_of[key]].append(key)
    paths = _paths({lead: scopes[lead] for lead in members}, branches)
    modules = {lead: tuple(scope for scope in path if scope not in branches) for lead, path in paths.items()}
    around = repeats.folds(modules, {lead: tuple(_made(nodes[key]) for key in keys) for lead, keys in members.items()})
    rows = {
        lead: DrawnNode(
            tuple(keys), _with_folds(paths[lead], around), _row_label(nodes, keys, scopes[lead], paths[lead])
        )
        for lead, keys in members.items()
    }
    row_of = _row_of(nodes, graph["edges"], hidden, lead_of)
    return Hierarchy(rows, links, row_of, _children(rows), branches)


def _made(node: Mapping[str, Any]) -> str:
    """What tells one make of node from another: the same as what "make" names, where a graph says so."""
    return str(node.get("make") or f"{node['op']} {node['detail']}")


def _with_folds(path: tuple[str, ...], around: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(step for scope in path for step in ((around[scope], scope) if scope in around else (scope,)))


def _hidden(nodes: Mapping[str, Mapping[str, Any]], edges: Iterable[Mapping[str, Any]]) -> tuple[set[str], set[str]]:
    """Nodes that are not drawn, and those of them that are helpers; an input that helpers alone read is one."""
    into: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    readers: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        into[edge["target"]].append(edge)
        readers[edge["source"]].add(edge["target"])
    helpers = {key for key, node in nodes.items() if node["kind"] == "helper"}
    helpers -= _only_way_in(nodes, into, helpers)
    inputs = (key for key, node in nodes.items() if node["kind"] == "input")
    helpers |= {key for key in inputs if readers[key] and readers[key] <= helpers}
    return helpers | {key for key, node in nodes.items() if node["kind"] == "shape"}, helpers


def _only_way_in(
    nodes: Mapping[str, Mapping[str, Any]], into: Mapping[str, list[Mapping[str, Any]]], helpers: set[str]
) -> set[str]:
    """Helpers that bring an input to an op which reads nothing else, or a quantizer: the data of an integer input."""
    from_input: set[str] = set()
    for key, node in nodes.items():
        sources = {edge["source"] for edge in into.get(key, ())}
        if node["kind"] == "input" or sources & from_input:
            from_input.add(key)
    starts = []
    for key, node in nodes.items():
        reading = into.get(key, ())
        if key in helpers or node["kind"] == "output" or not reading:
            continue
        alone = all(edge["source"] in helpers for edge in reading)
        starts += [edge["source"] for edge in reading if alone or edge.get("quantizer")]
    found: set[str] = set()
    while starts:
        key = starts.pop()
        if key in helpers and key in from_input and key not in found:
            found.add(key)
            starts += [edge["source"] for edge in into.get(key, ())]
    return found


def _pass_through(edges: Iterable[Mapping[str, Any]], hidden: set[str], helpers: set[str]) -> tuple[Link, ...]:
    """The links between nodes that stay, through any number of hidden ones, in order and without repeats.

    What a helper makes (a mask, an angle) is a detail of the op that reads it: links through helpers are left out where
    the op has others.
    """
    into: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    found: dict[Link, None] = {}
    for edge in edges:
        into[edge["target"]].append((edge["source"], (edge["quantizer"],) if edge.get("quantizer") else ()))
    for target in (key for key in into if key not in hidden):
        found.update(dict.fromkeys(_links_to(target, into, hidden, helpers) or _links_to(target, into, hidden, set())))
    return tuple(found)


def _links_to(
    target: str, into: Mapping[str, list[tuple[str, tuple[str, ...]]]], hidden: set[str], closed: set[str]
) -> list[Link]:
    """The links to a node, through none that is `closed`."""
    found = []
    stack, seen = list(reversed(into[target])), set()
    while stack:
        source, marks = stack.pop()
        if source not in hidden:
            found.append(Link(source, target, marks))
        elif source not in closed and (source, marks) not in seen:
            seen.add((source, marks))
            stack.extend((before, more + marks) for before, more in reversed(into.get(source, ())))
    return found


def _scopes_of(nodes: Mapping[str, Mapping[str, Any]], hidden: set[str], branches: frozenset[str]) -> dict[str, str]:
    """Each node's scope, climbing out of modules that hold this node alone (an activation module, say).

    A layer is in the scope of its name where the ops around it are: the scale of a norm that is written out, with it.
    """
    own = {node["scope"] for key, node in nodes.items() if key not in hidden}
    inner = {key: n["name"] if n["kind"] == "layer" and n["name"] in own else n["scope"] for key, n in nodes.items()}
    population: Counter[str] = Counter()
    for key in nodes:
        if key not in hidden:
            population.update(_ancestors(inner[key]))
    scopes = {}
    for key, scope in inner.items():
        while scope and population[scope] <= 1 and scope not in branches:
            scope = _outer(scope)
        scopes[key] = scope
    return scopes


def _join(
    nodes: Mapping[str, Mapping[str, Any]], links: Iterable[Link], scopes: Mapping[str, str], hidden: set[str]
) -> dict[str, str]:
    """The lead of each visible node's row: a norm joins the layer before it, an activation whatever is before it,
    when nothing else reads or writes the tensor between them and no quantizer sits on it."""
    sources: dict[str, list[Link]] = defaultdict(list)
    readers: Counter[str] = Counter()
    for link in links:
        sources[link.target].append(link)
        readers[link.source] += 1
    lead_of: dict[str, str] = {}
    for key, node in nodes.items():
        lead_of[key] = key
        if key in hidden or len(sources[key]) != 1:
            continue
        link = sources[key][0]
        alone = readers[link.source] == 1 and not link.quantizers and scopes[link.source] == scopes[key]
        if alone and link.source in lead_of and _joins(node, nodes[link.source]):
            lead_of[key] = lead_of[link.source]
    return lead_of


def _joins(node: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    op = node["op"].rstrip("_")
    if op in NORMS:
        return before["kind"] == "layer" and before["op"] not in NORMS
    return op in ACTIVATIONS and before["kind"] in ("layer", "op")


def _paths(scope_of: Mapping[str, str], branches: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """The scopes to draw around each row: branches, and what holds two things or more (a row, or a scope)."""
    inside: dict[str, set[str]] = defaultdict(set)
    for lead, scope in scope_of.items():
        inside[scope].add(lead)
        for ancestor in _ancestors(scope):
            inside[_outer(ancestor)].add(SCOPE_PREFIX + ancestor)
    drawn = {scope for scope in inside if scope and (len(inside[scope]) > 1 or scope in branches)}
    return {lead: tuple(scope for scope in _ancestors(scope) if scope in drawn) for lead, scope in scope_of.items()}


def _row_label(nodes: Mapping[str, Mapping[str, Any]], keys: list[str], scope: str, path: tuple[str, ...]) -> str:
    """`conv1 + bn1 + relu`; a row alone in its module takes the module's name: `shortcut`."""
    drawn = path[-1] if path else ""
    if scope != drawn:
        return relative(scope, drawn)
    return " + ".join(nodes[key]["op"] if nodes[key]["name"] == drawn else _short_label(nodes[key]) for key in keys)


def _short_label(node: Mapping[str, Any]) -> str:
    if node["kind"] == "input":
        return f"input {node['label']}"
    return SHORT_OPS.get(node["label"], node["label"])


def _row_of(
    nodes: Mapping[str, Any], edges: Iterable[Mapping[str, Any]], hidden: set[str], lead_of: Mapping[str, str]
) -> dict[str, str]:
    """Hidden nodes stand with what they read (or, with no source, with what reads them)."""
    row_of = {key: lead_of[key] for key in nodes if key not in hidden}
    pairs = [(edge["source"], edge["target"]) for edge in edges]
    for flow in (pairs, [(target, source) for source, target in reversed(pairs)]):
        for source, target in flow:
            if target not in row_of and source in row_of:
                row_of[target] = row_of[source]
    return row_of


def _children(rows: Mapping[str, DrawnNode]) -> dict[str, tuple[str, ...]]:
    inside: dict[str, dict[str, None]] = {"": {}}
    depth = {"": 0}
    for key, row in rows.items():
        outer = ""
        for scope in row.path:
            inside[outer][SCOPE_PREFIX + scope] = None
            inside.setdefault(scope, {})
            depth[scope] = depth[outer] + 1
            outer = scope
        inside[outer][key] = None
    return {scope: tuple(inside[scope]) for scope in sorted(inside, key=depth.__getitem__)}


def relative(scope: str, outer: str) -> str:
    """A module path as written inside `outer`: relative("layer1.0.shortcut", "layer1.0") is "shortcut"; a bare number
    keeps the name before it: relative("layer1.0", "layer1") is "layer1.0", and "layer1.1..3" there "layer1.1–3"."""
    inner = scope[len(outer) + 1 :] if outer and scope.startswith(outer + ".") else scope
    bare = inner.replace(repeats.TO, "").isdigit()
    return repeats.display_name(".".join(repeats.display_name(scope).split(".")[-2:]) if bare else inner)


def short_count(number: float) -> str:
    """`950`, `14.0 k`, `1.2 M`, `8.1 G`."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.1f} {unit}"
    return f"{number:.0f}"


def _ancestors(scope: str) -> list[str]:
    """The scope and those around it, outermost first."""
    parts = scope.split(".") if scope else []
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _outer(scope: str) -> str:
    return scope.rpartition(".")[0]
