"""The accessible list of the graph: what is on screen as nested buttons, for keyboards and screen readers."""

from __future__ import annotations

from collections import defaultdict

from geta_engine.documents.analysis import AnalysisDocument, GraphDocument
from geta_engine.documents.layout import LayoutDocument, PlacedBox, PlacedNode
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.stages import branch_scopes, quantizers_of
from geta_studio.shell.data_attributes import selects
from geta_studio.shell.html_tree import Plain, plain

LIST_LIMIT = 400
"""The list holds at most this many things; the search finds the rest."""


def tree(layout: LayoutDocument, analysis: AnalysisDocument) -> list[Plain]:
    """The list of a layout, of an analysis whose graph is the one laid out (`graph_at`).

    Enter selects, the arrow keys move, + and − open and close a module (assets/js/graph/keys.js).
    """
    listed = min(len(layout["nodes"]), LIST_LIMIT)
    title = plain(
        "p",
        f"{listed} of {len(layout['nodes'])} nodes. Arrow keys move, Enter inspects, + and − open and close modules, "
        "the menu key or Shift+F10 has more.",
    )
    return [title, _AccessibleList(layout, analysis["graph"]).level("")]


class _AccessibleList:
    """Writes the lists of one layout, a nested one for each open scope."""

    def __init__(self, layout: LayoutDocument, graph: GraphDocument) -> None:
        position = {node["id"]: index for index, node in enumerate(graph["nodes"])}
        self._first = {row["id"]: min(position[member] for member in row["members"]) for row in layout["nodes"]}
        self._open = {box["id"] for box in layout["boxes"]}
        self._inside: dict[str, list[PlacedNode | PlacedBox]] = defaultdict(list)
        entries: list[PlacedNode | PlacedBox] = [*layout["nodes"], *layout["boxes"]]
        for entry in entries:
            self._inside[entry["parent"]].append(entry)
        self._parameters = {node["id"] for node in graph["nodes"] if node["kind"] == "parameter"}
        self._quantizers = quantizers_of(graph)
        branches = graph.get("branches", ())
        self._branches = {scope: branches[number]["quantizer"] for scope, number in branch_scopes(graph).items()}
        self._unlisted = LIST_LIMIT
        """How many more things may be listed."""

    def level(self, scope: str) -> Plain:
        """What is directly inside a scope, in program order."""
        items = []
        for entry in sorted(self._inside[scope], key=lambda entry: self._position(entry["id"])):
            if self._unlisted <= 0:
                break
            items.append(plain("li", *self._item(entry)))
        return plain("ul", *items)

    def _position(self, key: str) -> int:
        """Where the first node of a row or a scope stands in the program."""
        if key in self._first:
            return self._first[key]
        return min((self._position(inner["id"]) for inner in self._inside[_scope_of(key)]), default=0)

    def _item(self, entry: PlacedNode | PlacedBox) -> list[Plain]:
        key = entry["id"]
        texts = (entry["label"], entry.get("detail"), entry["badge"])
        tab_index = "0" if self._unlisted == LIST_LIMIT else "-1"
        self._unlisted -= 1
        text = ", ".join(str(text) for text in texts if text)
        button = plain("button", text, class_="tree-item", tabindex=tab_index, **self._data(key))
        return [button, self.level(_scope_of(key))] if key in self._open else [button]

    def _data(self, key: str) -> dict[str, str]:
        """What the button stands for on screen, selects, and opens; a weight that nothing quantizes selects nothing."""
        data = {"data-shown": key}
        if not key.startswith(SCOPE_PREFIX):
            quantizer = self._quantizers.get(key)
            if quantizer:
                return data | selects("quantizer", quantizer)
            return data if key in self._parameters else data | selects("node", key)
        scope = _scope_of(key)
        data |= {"data-scope": scope, "aria-expanded": str(key in self._open).lower()}
        if scope not in self._branches:
            return data | selects("scope", scope)
        quantizer = self._branches[scope]
        return data | selects("quantizer", quantizer) if quantizer else data


def _scope_of(key: str) -> str:
    return key.removeprefix(SCOPE_PREFIX)
