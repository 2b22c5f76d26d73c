"""The accessible list of the graph: what is on screen as nested buttons, for keyboards and screen readers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.stages import branch_scopes, quantizers_of
from geta_studio.shell.data_attributes import selects
from geta_studio.shell.html_tree import Plain, plain

TREE_LIMIT = 400
"""The list holds at most this many things; the search finds the rest."""
Entry = Mapping[str, Any]


def tree(layout: Mapping[str, Any], analysis: Mapping[str, Any]) -> list[Plain]:
    """The list of a layout, of an analysis whose graph is the one laid out (`graph_at`): Enter selects, the arrow keys
    move, + and − open and close a module (assets/js/graph/keys.js)."""
    shown = min(len(layout["nodes"]), TREE_LIMIT)
    title = plain(
        "p",
        f"{shown} of {len(layout['nodes'])} nodes. Arrow keys move, Enter inspects, + and − open and close modules, "
        "the menu key or Shift+F10 has more.",
    )
    return [title, _AccessibleList(layout, analysis["graph"]).level("")]


class _AccessibleList:
    """Writes the lists; `left` is how many more things may be listed."""

    def __init__(self, layout: Mapping[str, Any], graph: Mapping[str, Any]) -> None:
        order = {node["id"]: place for place, node in enumerate(graph["nodes"])}
        self.first = {node["id"]: min(order[member] for member in node["members"]) for node in layout["nodes"]}
        self.open = {box["id"] for box in layout["boxes"]}
        self.inside: dict[str, list[Entry]] = defaultdict(list)
        for entry in (*layout["nodes"], *layout["boxes"]):
            self.inside[entry["parent"]].append(entry)
        self.parameters = {node["id"] for node in graph["nodes"] if node["kind"] == "parameter"}
        self.quantizers = quantizers_of(graph)
        branches = graph.get("branches", ())
        self.branches = {scope: branches[number]["quantizer"] for scope, number in branch_scopes(graph).items()}
        self.left = TREE_LIMIT

    def level(self, scope: str) -> Plain:
        """What is directly inside a scope, in program order."""
        items = []
        for entry in sorted(self.inside[scope], key=self._place):
            if self.left <= 0:
                break
            items.append(plain("li", *self._item(entry)))
        return plain("ul", *items)

    def _place(self, entry: Entry) -> int:
        if entry["id"] in self.first:
            return self.first[entry["id"]]
        return min((self._place(child) for child in self.inside[_scope_of(entry)]), default=0)

    def _item(self, entry: Entry) -> list[Plain]:
        words = [entry["label"], entry.get("detail", ""), entry.get("badge", "")]
        reached = "0" if self.left == TREE_LIMIT else "-1"
        self.left -= 1
        text = ", ".join(word for word in words if word)
        button = plain("button", text, class_="tree-item", tabindex=reached, **self._data(entry))
        return [button, self.level(_scope_of(entry))] if entry["id"] in self.open else [button]

    def _data(self, entry: Entry) -> dict[str, str]:
        """What the button stands for on screen, selects, and opens; a weight that nothing quantizes selects nothing."""
        data: dict[str, str] = {"data-shown": entry["id"]}
        if not entry["id"].startswith(SCOPE_PREFIX):
            quantizer = self.quantizers.get(entry["id"])
            target = ("quantizer", quantizer) if quantizer else ("node", entry["id"])
            return data if entry["id"] in self.parameters and not quantizer else data | selects(*target)
        scope = _scope_of(entry)
        data |= {"data-scope": scope, "aria-expanded": str(entry["id"] in self.open).lower()}
        if scope not in self.branches:
            return data | selects("scope", scope)
        return data | selects("quantizer", self.branches[scope]) if self.branches[scope] else data


def _scope_of(entry: Entry) -> str:
    return str(entry["id"]).removeprefix(SCOPE_PREFIX)
