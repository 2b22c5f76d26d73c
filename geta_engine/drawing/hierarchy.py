"""A graph as nested modules: rows of nodes, the scopes around them, and the links between nodes.

A *row* is one node, or a small chain drawn as one: a layer with its batch norm and the activation after it. A *scope*
is a module that holds at least two things, a quantizer branch, or a run of repeated modules (`repeats`). A closed scope
is drawn as one node.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

from geta_engine.documents.analysis import GraphDocument, NodeDocument
from geta_engine.drawing import repeats
from geta_engine.drawing.hidden import NOTHING_HIDDEN, DrawnLink, drawn_links, hidden_nodes, rows_of_all
from geta_engine.drawing.labels import relative, row_label
from geta_engine.drawing.stages import branch_scopes

SCOPE_PREFIX = "scope:"
"""The id of a drawn scope is this and its module path, so that it cannot be taken for a node."""
NORMS = frozenset({"batch_norm"})
ACTIVATIONS = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "gelu", "silu", "elu", "celu", "selu", "mish", "hardswish", "hardtanh"),
        *("hardsigmoid", "sigmoid", "tanh", "softplus", "dropout", "feature_dropout"),
    }
)


@dataclass(frozen=True)
class DrawnNode:
    """Nodes drawn as one, in program order.

    `nodes[0]` leads and gives the row its id. `path` are the scopes around it, outermost first. `label` is what is
    written on it.
    """

    nodes: tuple[str, ...]
    path: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Hierarchy:
    """A graph without its hidden nodes: rows by id, links between nodes, and where each node went.

    `row_of[node]` is the id of the row that stands for any node of the graph, hidden ones included.
    `children[scope]` lists what is directly inside, in program order: row ids, and scopes with `SCOPE_PREFIX`;
    "" is the root. `branches` are the scopes that are quantizer branches.
    """

    rows: Mapping[str, DrawnNode]
    links: tuple[DrawnLink, ...]
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

    def visible_as(self, row: str, open_scopes: AbstractSet[str]) -> str:
        """What is on screen for a row: the outermost closed scope around it, or the row itself."""
        for scope in self.rows[row].path:
            if scope not in open_scopes:
                return SCOPE_PREFIX + scope
        return row


def build(graph: GraphDocument, show_shape: bool = False) -> Hierarchy:
    """The hierarchy of a graph.

    Shape-only and helper nodes are hidden (unless `show_shape`), chains are joined into rows, scopes that hold a single
    thing and are no quantizer branch are dropped, and repeated ones are folded.
    """
    nodes = {node["id"]: node for node in graph["nodes"]}
    branches = frozenset(branch_scopes(graph))
    hidden = NOTHING_HIDDEN if show_shape else hidden_nodes(nodes, graph["edges"])
    links = drawn_links(graph["edges"], hidden)
    scopes = _scopes_of(nodes, hidden.all, branches)
    lead_of = _join(nodes, links, scopes, hidden.all)
    members: dict[str, list[NodeDocument]] = defaultdict(list)
    for key, node in nodes.items():
        if key not in hidden.all:
            members[lead_of[key]].append(node)
    paths = _paths({lead: scopes[lead] for lead in members}, branches)
    modules = {lead: tuple(scope for scope in path if scope not in branches) for lead, path in paths.items()}
    around = repeats.folds(modules, {lead: tuple(_make(node) for node in row) for lead, row in members.items()})
    rows = {
        lead: DrawnNode(
            tuple(node["id"] for node in row),
            _with_folds(paths[lead], around),
            row_label(row, scopes[lead], paths[lead]),
        )
        for lead, row in members.items()
    }
    row_of = rows_of_all(nodes, graph["edges"], hidden.all, lead_of)
    return Hierarchy(rows, links, row_of, _children(rows), branches)


def _make(node: NodeDocument) -> str:
    """What tells one make of node from another: what "make" says, where the graph has it."""
    return node.get("make") or f"{node['op']} {node['detail']}"


def _with_folds(path: Sequence[str], around: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(step for scope in path for step in ((around[scope], scope) if scope in around else (scope,)))


def _scopes_of(
    nodes: Mapping[str, NodeDocument], hidden: AbstractSet[str], branches: AbstractSet[str]
) -> dict[str, str]:
    """The scope of each node, climbing out of modules that hold this node alone (an activation module, say).

    A layer is in the scope of its name where the ops around it are: the scale of a norm that is written out is with it.
    """
    traced = {node["scope"] for key, node in nodes.items() if key not in hidden}
    inner = {key: n["name"] if n["kind"] == "layer" and n["name"] in traced else n["scope"] for key, n in nodes.items()}
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
    nodes: Mapping[str, NodeDocument],
    links: Iterable[DrawnLink],
    scopes: Mapping[str, str],
    hidden: AbstractSet[str],
) -> dict[str, str]:
    """The lead of the row of each drawn node.

    A norm joins the layer before it, and an activation joins whatever is before it, when nothing else reads or writes
    the tensor between them and no quantizer sits on it.
    """
    links_to: dict[str, list[DrawnLink]] = defaultdict(list)
    readers: Counter[str] = Counter()
    for link in links:
        links_to[link.target].append(link)
        readers[link.source] += 1
    lead_of: dict[str, str] = {}
    for key, node in nodes.items():
        lead_of[key] = key
        if key in hidden or len(links_to[key]) != 1:
            continue
        link = links_to[key][0]
        alone = readers[link.source] == 1 and not link.quantizers and scopes[link.source] == scopes[key]
        if alone and link.source in lead_of and _joins(node, nodes[link.source]):
            lead_of[key] = lead_of[link.source]
    return lead_of


def _joins(node: NodeDocument, before: NodeDocument) -> bool:
    op = node["op"].rstrip("_")
    if op in NORMS:
        return before["kind"] == "layer" and before["op"] not in NORMS
    return op in ACTIVATIONS and before["kind"] in ("layer", "op")


def _paths(scope_of: Mapping[str, str], branches: AbstractSet[str]) -> dict[str, tuple[str, ...]]:
    """The scopes to draw around each row: branches, and what holds two things or more (a row, or a scope)."""
    inside: dict[str, set[str]] = defaultdict(set)
    for lead, scope in scope_of.items():
        inside[scope].add(lead)
        for ancestor in _ancestors(scope):
            inside[_outer(ancestor)].add(SCOPE_PREFIX + ancestor)
    drawn = {scope for scope in inside if scope and (len(inside[scope]) > 1 or scope in branches)}
    return {lead: tuple(scope for scope in _ancestors(scope) if scope in drawn) for lead, scope in scope_of.items()}


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


def _ancestors(scope: str) -> list[str]:
    """The scope and those around it, outermost first."""
    parts = scope.split(".") if scope else []
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _outer(scope: str) -> str:
    return scope.rpartition(".")[0]
