"""What differs between two graphs of one network, such as the dense one and what was left of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

Graph = Mapping[str, Any]
Facts = Mapping[str, Any]
Kind = Literal["same", "changed", "gone", "new"]
Side = Literal["before", "after"]
_TOLD = ("shape", "n_params", "macs")
_ONE_OP = {"view": "reshape", "_unsafe_view": "reshape", "view_as": "reshape", "reshape_as": "reshape"} | {
    "view_copy": "reshape",
    "expand_as": "expand",
}
"""Ops that a cut program spells otherwise."""


class Difference(NamedTuple):
    """One node in both graphs: its facts before and after, None where it is missing.

    A layer that is whole in one graph and written out as ops in the other (a norm that keeps its divisor) is one
    difference; the facts of the ops together hold their ids as "parts".
    """

    before: Facts | None
    after: Facts | None

    def ids(self, side: Side) -> Sequence[str]:
        """The nodes of one graph that this is about."""
        facts = getattr(self, side)
        return () if facts is None else facts.get("parts") or (facts["id"],)

    @property
    def kind(self) -> Kind:
        if self.after is None:
            return "gone"
        if self.before is None:
            return "new"
        return "same" if all(self.before[name] == self.after[name] for name in _TOLD) else "changed"

    @property
    def lines(self) -> list[str]:
        """What changed, a line each: the shape, parameters and multiply-adds."""
        before, after = self.before, self.after
        if before is None or after is None:
            return ["only in this graph" if before is None else "not in the other graph"]
        lines = []
        if before["shape"] != after["shape"]:
            lines.append(f"{_sizes(before['shape'])} → {_sizes(after['shape'])}")
        for name, words in (("n_params", "parameters"), ("macs", "multiply-adds")):
            was, now = before[name] or 0, after[name] or 0
            if was != now:
                lines.append(f"{was:,} → {now:,} {words} ({_change(was, now)})")
        return lines


def differences(before: Graph, after: Graph) -> list[Difference]:
    """The nodes of both graphs, paired: modules and inputs by name, the ops of a quantizer by the layer it is for, and
    others by their order in their module.

    Node ids do not pair them: they are numbered anew when a program is exported again.
    """
    whole = [_whole_layers(graph["nodes"]) for graph in (before, after)]
    old, new = _gathered(before["nodes"], whole[1]), _gathered(after["nodes"], whole[0])
    named = _named(before, old), _named(after, new)
    counterparts = {node: named[1][key] for key, node in named[0].items() if key in named[1]}
    counterparts |= _by_order(*(_others(nodes, names.values()) for nodes, names in zip((old, new), named)))
    taken, facts = set(counterparts.values()), {node["id"]: node for node in new}
    paired = [Difference(node, facts.get(counterparts.get(node["id"], ""))) for node in old]
    return paired + [Difference(None, node) for node in new if node["id"] not in taken]


def kind_of(members: Sequence[Difference]) -> Kind:
    """Of things that are drawn as one: what they all are, else changed."""
    kinds = {member.kind for member in members}
    return kinds.pop() if len(kinds) == 1 else "changed"


def _whole_layers(nodes: Sequence[Facts]) -> set[str]:
    """Names of the modules that are one node each."""
    named = Counter(node["name"] for node in nodes if _is_module(node))
    scopes = {node["scope"] for node in nodes}
    return {name for name, count in named.items() if count == 1 and name not in scopes}


def _is_module(node: Facts) -> bool:
    """Whether a node is named after the module that it is."""
    return node["kind"] == "layer" or (node["kind"] == "op" and node["name"] != node["op"])


def _gathered(nodes: Iterable[Facts], whole: set[str]) -> list[Facts]:
    """The nodes, with the ops of each layer that the other graph has whole as one, where the last of them stands."""
    parts: dict[tuple[str, str], list[Facts]] = defaultdict(list)
    for node in nodes:
        layer = _part_of(node, whole)
        parts[("node", node["id"]) if layer is None else ("layer", layer)].append(node)
    last = {members[-1]["id"]: members for members in parts.values()}
    return [_together(last[node["id"]]) for node in nodes if node["id"] in last]


def _part_of(node: Facts, whole: set[str]) -> str | None:
    """The layer whose op a node is, of those that are whole in the other graph."""
    names = (node["scope"], node["name"] if _is_module(node) else "")
    return next((name for name in names if name in whole), None)


def _together(members: Sequence[Facts]) -> Facts:
    if len(members) == 1:
        return members[0]
    sums = {name: sum(node[name] or 0 for node in members) for name in ("n_params", "macs")}
    return {**members[-1], **sums, "parts": [node["id"] for node in members]}


def _named(graph: Graph, nodes: Sequence[Facts]) -> dict[tuple[str, ...], str]:
    """What tells a node from all others whatever its id is -> its id, for modules, inputs and the ops of quantizers."""
    keys = _branch_keys(graph)
    seen: Counter[tuple[str, ...]] = Counter()
    found = {key: node for node, key in keys.items()}
    for node in nodes:
        if (node["kind"] == "input" or _is_module(node)) and node["id"] not in keys:
            key = ("input" if node["kind"] == "input" else "module", node["name"])
            found[(*key, str(seen[key]))] = node["id"]
            seen[key] += 1
    return found


def _branch_keys(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Op of a quantizer -> its key. Ops are counted from the end: t = 1 leaves out some of the first."""
    seen: Counter[tuple[str, str]] = Counter()
    ops = {node["id"]: node["op"] for node in graph["nodes"]}
    keys: dict[str, tuple[str, ...]] = {}
    for branch in graph.get("branches", ()):
        what = (branch["kind"], branch["layer"])
        from_end: Counter[str] = Counter()
        for node in reversed(branch["nodes"]):
            if node in ops:
                keys[node] = (*what, str(seen[what]), ops[node], str(from_end[ops[node]]))
                from_end[ops[node]] += 1
        seen[what] += 1
    return keys


def _others(nodes: Iterable[Facts], named: Iterable[str]) -> list[Facts]:
    left_out = set(named)
    return [node for node in nodes if node["id"] not in left_out]


def _by_order(old: Iterable[Facts], new: Iterable[Facts]) -> dict[str, str]:
    """Old -> new id of ops of one kind that follow each other alike in their module."""
    left, right = _by_scope(old), _by_scope(new)
    counterparts: dict[str, str] = {}
    for scope in left.keys() & right.keys():
        a, b = left[scope], right[scope]
        matcher = SequenceMatcher(None, [_op(node) for node in a], [_op(node) for node in b], autojunk=False)
        for at, to, size in matcher.get_matching_blocks():
            counterparts |= {x["id"]: y["id"] for x, y in zip(a[at : at + size], b[to : to + size])}
    return counterparts


def _by_scope(nodes: Iterable[Facts]) -> dict[str, list[Facts]]:
    found: dict[str, list[Facts]] = defaultdict(list)
    for node in nodes:
        found[node["scope"]].append(node)
    return found


def _op(node: Facts) -> str:
    return f"{node['kind']} {_ONE_OP.get(node['op'], node['op'])}"


def _sizes(shape: Sequence[Any] | None) -> str:
    return " × ".join(str(size) for size in shape or ())


def _change(was: int, now: int) -> str:
    return f"{100 * (now - was) / was:+.0f} %" if was else "new"
