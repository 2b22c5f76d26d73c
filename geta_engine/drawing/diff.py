"""What differs between two graphs of one network, such as the dense one and its compact one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from geta_engine.documents.analysis import GraphDocument, NodeDocument, Size

Kind = Literal["same", "changed", "gone", "new"]
Side = Literal["before", "after"]
_Key = tuple[str, ...]
"""What a node is called in both graphs, whatever its id is."""
_COMPARED: tuple[Literal["shape", "n_params", "macs"], ...] = ("shape", "n_params", "macs")
_COUNTS: tuple[tuple[Literal["n_params", "macs"], str], ...] = (("n_params", "parameters"), ("macs", "multiply-adds"))
_ONE_OP = {"view": "reshape", "_unsafe_view": "reshape", "view_as": "reshape", "reshape_as": "reshape"} | {
    "view_copy": "reshape",
    "expand_as": "expand",
}
"""Ops that a compact program spells otherwise."""


class Difference(NamedTuple):
    """One node in both graphs, before and after, None where it is missing.

    A layer that is whole in one graph and written out as ops in the other (a norm that keeps its divisor) is one
    difference. The node that stands for the ops holds their ids as "parts".
    """

    before: NodeDocument | None
    after: NodeDocument | None

    def ids(self, side: Side) -> Sequence[str]:
        """The nodes of one graph that this is about."""
        node = self.before if side == "before" else self.after
        return () if node is None else node.get("parts") or (node["id"],)

    @property
    def kind(self) -> Kind:
        if self.after is None:
            return "gone"
        if self.before is None:
            return "new"
        return "same" if all(self.before[name] == self.after[name] for name in _COMPARED) else "changed"

    @property
    def lines(self) -> list[str]:
        """What changed, a line each: the shape, parameters and multiply-adds."""
        before, after = self.before, self.after
        if before is None or after is None:
            return ["only in this graph" if before is None else "not in the other graph"]
        lines = []
        if before["shape"] != after["shape"]:
            lines.append(f"{_shape_text(before['shape'])} → {_shape_text(after['shape'])}")
        for name, unit in _COUNTS:
            was, now = before[name], after[name]
            if was != now:
                lines.append(f"{was:,} → {now:,} {unit} ({_change(was, now)})")
        return lines


def differences(before: GraphDocument, after: GraphDocument) -> list[Difference]:
    """The nodes of both graphs, paired.

    Modules and inputs are paired by name, the ops of a quantizer by the layer that it is for, and other ops by their
    order in their module. Node ids pair nothing: they are numbered anew when a program is exported again.
    """
    whole_before, whole_after = _whole_layers(before["nodes"]), _whole_layers(after["nodes"])
    old, new = _gather_layers(before["nodes"], whole_after), _gather_layers(after["nodes"], whole_before)
    old_keys, new_keys = _keys(before, old), _keys(after, new)
    counterparts = {node: new_keys[key] for key, node in old_keys.items() if key in new_keys}
    counterparts |= _by_order(_without(old, old_keys.values()), _without(new, new_keys.values()))
    paired, new_by_id = set(counterparts.values()), {node["id"]: node for node in new}
    pairs = [Difference(node, new_by_id.get(counterparts.get(node["id"], ""))) for node in old]
    return pairs + [Difference(None, node) for node in new if node["id"] not in paired]


def kind_of(members: Iterable[Difference]) -> Kind:
    """The kind of things that are drawn as one: what they all are, else changed."""
    kinds = {member.kind for member in members}
    return kinds.pop() if len(kinds) == 1 else "changed"


def _whole_layers(nodes: Sequence[NodeDocument]) -> set[str]:
    """Names of the modules that are one node each."""
    uses = Counter(node["name"] for node in nodes if _is_module(node))
    scopes = {node["scope"] for node in nodes}
    return {name for name, count in uses.items() if count == 1 and name not in scopes}


def _is_module(node: NodeDocument) -> bool:
    """Whether a node is named after the module that it is."""
    return node["kind"] == "layer" or (node["kind"] == "op" and node["name"] != node["op"])


def _gather_layers(nodes: Sequence[NodeDocument], whole: Collection[str]) -> list[NodeDocument]:
    """The nodes, with the ops of each layer that the other graph has whole as one, where the last of them stands."""
    parts: dict[tuple[str, str], list[NodeDocument]] = defaultdict(list)
    for node in nodes:
        layer = _layer_of(node, whole)
        parts[("node", node["id"]) if layer is None else ("layer", layer)].append(node)
    by_last = {members[-1]["id"]: members for members in parts.values()}
    return [_as_one(by_last[node["id"]]) for node in nodes if node["id"] in by_last]


def _layer_of(node: NodeDocument, whole: Collection[str]) -> str | None:
    """The layer whose op a node is, of those that are whole in the other graph."""
    names = (node["scope"], node["name"] if _is_module(node) else "")
    return next((name for name in names if name in whole), None)


def _as_one(members: Sequence[NodeDocument]) -> NodeDocument:
    if len(members) == 1:
        return members[0]
    return {
        **members[-1],
        "n_params": sum(node["n_params"] for node in members),
        "macs": sum(node["macs"] for node in members),
        "parts": [node["id"] for node in members],
    }


def _keys(graph: GraphDocument, nodes: Iterable[NodeDocument]) -> dict[_Key, str]:
    """Key -> node id, for modules, inputs and the ops of quantizers."""
    branch_keys = _branch_keys(graph)
    uses: Counter[_Key] = Counter()
    keys = {key: node for node, key in branch_keys.items()}
    for node in nodes:
        if (node["kind"] == "input" or _is_module(node)) and node["id"] not in branch_keys:
            key = ("input" if node["kind"] == "input" else "module", node["name"])
            keys[(*key, str(uses[key]))] = node["id"]
            uses[key] += 1
    return keys


def _branch_keys(graph: GraphDocument) -> dict[str, _Key]:
    """Op of a quantizer -> its key. Ops are counted from the end: t = 1 leaves out some of the first."""
    uses: Counter[tuple[str, str]] = Counter()
    ops = {node["id"]: node["op"] for node in graph["nodes"]}
    keys: dict[str, _Key] = {}
    for branch in graph.get("branches", ()):
        quantized = (branch["kind"], branch["layer"])
        from_end: Counter[str] = Counter()
        for node in reversed(branch["nodes"]):
            if node in ops:
                keys[node] = (*quantized, str(uses[quantized]), ops[node], str(from_end[ops[node]]))
                from_end[ops[node]] += 1
        uses[quantized] += 1
    return keys


def _without(nodes: Iterable[NodeDocument], ids: Iterable[str]) -> list[NodeDocument]:
    excluded = set(ids)
    return [node for node in nodes if node["id"] not in excluded]


def _by_order(before: Iterable[NodeDocument], after: Iterable[NodeDocument]) -> dict[str, str]:
    """Old -> new id of ops of one kind that follow each other alike in their module."""
    old_scopes, new_scopes = _by_scope(before), _by_scope(after)
    counterparts: dict[str, str] = {}
    for scope in old_scopes.keys() & new_scopes.keys():
        old, new = old_scopes[scope], new_scopes[scope]
        matcher = SequenceMatcher(None, [_op(node) for node in old], [_op(node) for node in new], autojunk=False)
        for i, j, size in matcher.get_matching_blocks():
            counterparts |= {a["id"]: b["id"] for a, b in zip(old[i : i + size], new[j : j + size])}
    return counterparts


def _by_scope(nodes: Iterable[NodeDocument]) -> dict[str, list[NodeDocument]]:
    by_scope: dict[str, list[NodeDocument]] = defaultdict(list)
    for node in nodes:
        by_scope[node["scope"]].append(node)
    return by_scope


def _op(node: NodeDocument) -> str:
    return f"{node['kind']} {_ONE_OP.get(node['op'], node['op'])}"


def _shape_text(shape: Iterable[Size]) -> str:
    return " × ".join(str(size) for size in shape)


def _change(was: int, now: int) -> str:
    return f"{100 * (now - was) / was:+.0f} %" if was else "new"
