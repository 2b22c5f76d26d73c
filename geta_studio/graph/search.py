"""Finding nodes of a graph by what is typed into the search box."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

from geta_engine.documents.analysis import AnalysisDocument, GroupDocument, NodeDocument

Groups = Mapping[int, GroupDocument]
COMPARISON = re.compile(r"(bits|params|macs)(<=|>=|<|>|=)(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d{1,2})?([kmg]?)")
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}


def search(analysis: AnalysisDocument, query: str, bits: Mapping[str, float] | None = None) -> list[str]:
    """Ids of the nodes that fit every word, in program order.

    A word is part of a name, module path, op or parameter; `op:conv` looks at the op alone, `group:3` at the groups a
    node writes or reads, `param:bias` at its parameters; `unprunable` finds nodes whose output cannot be pruned;
    `bits<6`, `params>=1e6` and `macs>=1.5k` compare, with k, M and G for thousands, millions and billions.
    `bits` maps weight quantizers to bit widths.
    """
    words = query.lower().split()
    if not words:
        return []
    groups = {group["id"]: group for group in analysis["groups"]}
    nodes = analysis["graph"]["nodes"]
    return [node["id"] for node in nodes if all(_fits(word, node, groups, bits or {}) for word in words)]


def _fits(word: str, node: NodeDocument, groups: Groups, bits: Mapping[str, float]) -> bool:
    comparison = COMPARISON.fullmatch(word)
    if comparison:
        return _holds(comparison, node, bits)
    key, colon, value = word.partition(":")
    if word == "unprunable":
        return _is_unprunable(node, groups)
    if colon and key in _KEYS:
        return bool(value) and _KEYS[key](value, node)
    texts = (node["name"], node["label"], node["op"], node["id"], *node["parameters"])
    return any(word in text.lower() for text in texts)


def _holds(comparison: re.Match[str], node: NodeDocument, bits: Mapping[str, float]) -> bool:
    name, sign, number, power, unit = comparison.groups()
    value = {"bits": bits.get(node["quantizer"] or ""), "params": node["n_params"], "macs": node["macs"]}[name]
    return value is not None and bool(_SIGNS[sign](value, float(number + (power or "")) * _UNITS[unit]))


def _is_unprunable(node: NodeDocument, groups: Groups) -> bool:
    return node["group"] is None or not groups[node["group"]]["prunable"]


def _is_of_group(value: str, node: NodeDocument) -> bool:
    return value.removeprefix("g") in {str(g) for g in (node["group"], node["in_group"]) if g is not None}


_KEYS: dict[str, Callable[[str, NodeDocument], bool]] = {
    "op": lambda value, node: value in node["op"].lower(),
    "group": _is_of_group,
    "param": lambda value, node: any(value in name.lower() for name in node["parameters"]),
}
