"""Nodes that are not drawn (shape-only ops and helpers), and the links between the drawn ones through them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from geta_engine.documents.analysis import EdgeDocument, NodeDocument

_Source = tuple[str, tuple[str, ...]]
"""What a node reads, and the activation quantizer on the way, if there is one."""


@dataclass(frozen=True)
class DrawnLink:
    """An edge between two drawn nodes, with the activation quantizers met on the way."""

    source: str
    target: str
    quantizers: tuple[str, ...]


class HiddenNodes(NamedTuple):
    """All nodes that are not drawn, and those of them that are helpers."""

    all: AbstractSet[str]
    helpers: AbstractSet[str]


NOTHING_HIDDEN = HiddenNodes(frozenset(), frozenset())


def hidden_nodes(nodes: Mapping[str, NodeDocument], edges: Iterable[EdgeDocument]) -> HiddenNodes:
    """Shape-only ops and helpers. An input that only helpers read is a helper too."""
    edges_into: dict[str, list[EdgeDocument]] = defaultdict(list)
    readers: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        edges_into[edge["target"]].append(edge)
        readers[edge["source"]].add(edge["target"])
    helpers = {key for key, node in nodes.items() if node["kind"] == "helper"}
    helpers -= _only_way_in(nodes, edges_into, helpers)
    inputs = (key for key, node in nodes.items() if node["kind"] == "input")
    helpers |= {key for key in inputs if readers[key] and readers[key] <= helpers}
    return HiddenNodes(helpers | {key for key, node in nodes.items() if node["kind"] == "shape"}, helpers)


def _only_way_in(
    nodes: Mapping[str, NodeDocument], edges_into: Mapping[str, list[EdgeDocument]], helpers: AbstractSet[str]
) -> set[str]:
    """Helpers that bring an input to an op that reads nothing else, or to a quantizer: the data of an integer input."""
    from_input: set[str] = set()
    for key, node in nodes.items():
        sources = {edge["source"] for edge in edges_into.get(key, ())}
        if node["kind"] == "input" or sources & from_input:
            from_input.add(key)
    waiting = []
    for key, node in nodes.items():
        edges = edges_into.get(key, ())
        if key in helpers or node["kind"] == "output" or not edges:
            continue
        reads_helpers_only = all(edge["source"] in helpers for edge in edges)
        waiting += [edge["source"] for edge in edges if reads_helpers_only or edge["quantizer"]]
    needed: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in helpers and key in from_input and key not in needed:
            needed.add(key)
            waiting += [edge["source"] for edge in edges_into.get(key, ())]
    return needed


def drawn_links(edges: Iterable[EdgeDocument], hidden: HiddenNodes) -> tuple[DrawnLink, ...]:
    """The links between drawn nodes, through any number of hidden ones, in order and without repeats.

    What a helper computes (a mask, an angle) is a detail of the op that reads it: links through helpers are left out
    where the op has others.
    """
    sources: dict[str, list[_Source]] = defaultdict(list)
    links: dict[DrawnLink, None] = {}
    for edge in edges:
        sources[edge["target"]].append((edge["source"], (edge["quantizer"],) if edge["quantizer"] else ()))
    for target in (key for key in sources if key not in hidden.all):
        to_target = _links_to(target, sources, hidden.all, hidden.helpers)
        links.update(dict.fromkeys(to_target or _links_to(target, sources, hidden.all, frozenset())))
    return tuple(links)


def _links_to(
    target: str, sources: Mapping[str, Sequence[_Source]], hidden: AbstractSet[str], barred: AbstractSet[str]
) -> list[DrawnLink]:
    """The links to a node, through no node that is `barred`."""
    links = []
    stack, visited = list(reversed(sources[target])), set[_Source]()
    while stack:
        source, quantizers = stack.pop()
        if source not in hidden:
            links.append(DrawnLink(source, target, quantizers))
        elif source not in barred and (source, quantizers) not in visited:
            visited.add((source, quantizers))
            stack.extend((before, more + quantizers) for before, more in reversed(sources.get(source, ())))
    return links


def rows_of_all(
    nodes: Iterable[str], edges: Sequence[EdgeDocument], hidden: AbstractSet[str], lead_of: Mapping[str, str]
) -> dict[str, str]:
    """Node -> its row. A hidden node stands with what it reads or, where it reads nothing, with what reads it."""
    row_of = {key: lead_of[key] for key in nodes if key not in hidden}
    pairs = [(edge["source"], edge["target"]) for edge in edges]
    for flow in (pairs, [(target, source) for source, target in reversed(pairs)]):
        for source, target in flow:
            if target not in row_of and source in row_of:
                row_of[target] = row_of[source]
    return row_of
