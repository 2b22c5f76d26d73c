"""A layout and an analysis as Cytoscape elements. Pure; colours and live values are not in here (see `stylesheet` and
assets/js/graph/painting.js), so that elements change only when modules are opened or closed.

Each row or closed scope is a node with, on top of it, a bar (its second line and the kept/redundant/zero bar), and
where there is something to say a tag (its group), a badge, a toggle and a diamond (its weight quantizers). Pills are
nodes on edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import hypot

from geta_engine.documents.analysis import AnalysisDocument, NodeDocument
from geta_engine.documents.layout import LayoutDocument, PlacedBox, PlacedEdge, PlacedNode, Rectangle
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.labels import short_count
from geta_engine.drawing.repeats import display_name
from geta_engine.drawing.stages import branch_scopes, quantizers_of
from geta_studio.graph.cytoscape import (
    DEPTHS,
    DIAMOND,
    BoxData,
    EdgeData,
    EdgeElement,
    Element,
    MarkData,
    NodeData,
    NodeElement,
    PartData,
    RowData,
)
from geta_studio.shell.palette import group_slots

INSET = 11.0
TOGGLE = 21.0
PILL_REACH = 48.0
"""Half a pill and half a diamond with room between, in px."""
NAME_CLEAR = 8.0
"""How much further out than at the right a diamond stands at the left, where the row's name starts."""
MARK_HEIGHT = 24.0
"""Marks closer than this in y, in px, can lie on each other."""
GREY = "grey"


class Painter:
    """Makes the elements of one analysis; `edges` are those of its layout, whose pills a diamond keeps clear of."""

    def __init__(self, analysis: AnalysisDocument, edges: Iterable[PlacedEdge] = ()) -> None:
        graph = analysis["graph"]
        self._pills = [edge["pill"] for edge in edges if edge["pill"]]
        self._nodes = {node["id"]: node for node in graph["nodes"]}
        self._groups = {group["id"]: group for group in analysis["groups"]}
        self._slots = group_slots(analysis)
        self._macs = analysis["model"]["macs"]
        self._branches = graph.get("branches", ())
        self._branch_of = branch_scopes(graph)
        self._quantizer_of = quantizers_of(graph)

    def row(self, row: PlacedNode) -> list[NodeElement]:
        """A row or a closed scope with its parts."""
        nodes = [self._nodes[key] for key in row["members"]]
        group = self._group_of(row)
        look = self._look(group)
        kind = "scope" if row["kind"] == "scope" else nodes[0]["kind"]
        indent = TOGGLE if kind == "scope" else 0
        data: RowData = {
            "id": row["id"],
            "label": row["label"],
            "w": row["w"],
            "h": row["h"],
            "tx": INSET + indent - row["w"],
            "tw": row["w"] - 2 * INSET - indent - (50 if row["badge"] else 0),
            "kind": row["kind"],
            "group": group,
            "groups": sorted({g for node in nodes for g in (node["group"], node["in_group"]) if g is not None}),
            "outputs": sorted({g for node in nodes if (g := node["group"]) is not None and self._is_prunable(g)}),
            "nodes": list(row["members"]),
            "params": sum(node["n_params"] for node in nodes),
            "macs": sum(node["macs"] for node in nodes),
            "weights": [node["quantizer"] for node in nodes if node["quantizer"]],
            "quantizer": self._quantizer_drawn(row),
            "tip": self._tip(row, nodes, group),
        }
        classes = f"row {kind}{self._branch_classes(row['id'])} {look}"
        elements = [_node(data, row["x"], row["y"], classes), *self._parts(row, data, look)]
        return [_stack(row, look), *elements] if kind == "scope" else elements

    def _parts(self, row: PlacedNode, data: RowData, look: str) -> list[NodeElement]:
        """The bar of a row, and its tag, toggle, badge and diamond where it has them."""
        x, y, w, h = row["x"], row["y"], row["w"], row["h"]
        key = row["id"]
        parts = [_node(_bar(row, data), x, y + h / 2 - 5, f"part bar {look}")]
        if data["group"] is not None:
            tag: PartData = {"host": key, "id": f"{key}|tag", "label": f"g{data['group']}", "group": data["group"]}
            parts.append(_node(tag, x + w / 2 - 9, y + h / 2 - 14, f"part tag {look}"))
        if row["kind"] == "scope":
            toggle: PartData = {"host": key, "id": f"{key}|toggle", "scope": key.removeprefix(SCOPE_PREFIX)}
            parts.append(_node(toggle, x - w / 2 + INSET + 7, y - 9, "part toggle open"))
        if row["badge"]:
            badge: PartData = {"host": key, "id": f"{key}|badge", "label": row["badge"]}
            parts.append(_node(badge, x + w / 2 - (34 if data["weights"] else 12), y - 7, "part badge"))
        if data["weights"]:
            weights = data["weights"]
            mark: MarkData = {"host": key, "id": f"{key}|weights", "quantizers": weights, "label": "W", "mark": "W"}
            mark["across"] = DIAMOND
            parts.append(_node(mark, *diamond_place(row, self._pills), "part diamond"))
        return parts

    def box(self, box: PlacedBox) -> list[NodeElement]:
        """An open scope: a frame, and a toggle that carries its title."""
        scope = box["id"].removeprefix(SCOPE_PREFIX)
        branch = self._branch_of.get(scope)
        frame: BoxData = {
            "id": box["id"],
            "w": box["w"],
            "h": box["h"],
            "kind": "box",
            "scope": scope,
            "quantizer": None if branch is None else self._branches[branch]["quantizer"],
        }
        left, top = box["x"] - box["w"] / 2, box["y"] - box["h"] / 2
        title = f"{box['label']}  {box['badge']}" if box["badge"] else box["label"]
        toggle: PartData = {"id": f"{box['id']}|toggle", "host": box["id"], "scope": scope, "label": title}
        classes = f"depth{min(box['depth'], DEPTHS - 1)}{self._branch_classes(box['id'])}"
        return [
            _node(frame, box["x"], box["y"], f"box {classes}"),
            _node(toggle, left + 15, top + 14, f"part toggle close {classes}"),
        ]

    def _branch_classes(self, key: str) -> str:
        """The classes of a scope that is a quantizer branch."""
        branch = self._branch_of.get(key.removeprefix(SCOPE_PREFIX))
        return "" if branch is None else f" branch {self._branches[branch]['kind']}"

    def edge(self, edge: PlacedEdge, source: PlacedNode, target: PlacedNode) -> EdgeElement:
        """An edge in the colour of the group that leaves its source."""
        points = edge["points"]
        group = self._group_of(source)
        data: EdgeData = {
            "id": edge["id"],
            "source": edge["source"],
            "target": edge["target"],
            "from": _offset(points[0], source),
            "to": _offset(points[-1], target),
            "groups": [] if group is None else [group],
            "many": edge["multiplicity"],
        }
        if len(points) == 2:
            return {"data": data, "classes": f"edge straight {self._look(group)}"}
        data["weights"], data["distances"] = control_points(points)
        return {"data": data, "classes": f"edge curved {self._look(group)}"}

    def _quantizer_drawn(self, row: PlacedNode) -> str | None:
        """The quantizer that a row is of; of a closed scope only where it holds nothing else, as a branch does."""
        quantizers = [self._quantizer_of.get(key) for key in row["members"]]
        if row["kind"] == "scope" and len(set(quantizers)) > 1:
            return None
        return next((quantizer for quantizer in quantizers if quantizer), None)

    def _group_of(self, row: PlacedNode) -> int | None:
        """The group of what leaves a row or scope."""
        groups = (self._nodes[key]["group"] for key in reversed(row["members"]))
        return next((group for group in groups if group is not None), None)

    def _look(self, group: int | None) -> str:
        """The class that colours a group: its slot, or grey where it cannot be pruned."""
        return f"slot{self._slots[group]}" if group is not None and self._is_prunable(group) else GREY

    def _is_prunable(self, group: int) -> bool:
        return self._groups[group]["prunable"]

    def _tip(self, row: PlacedNode, nodes: Sequence[NodeDocument], group: int | None) -> list[str]:
        """Lines of the tooltip: what it is, and what a unit saves or why it cannot be pruned."""
        if row["kind"] == "scope":
            lines = [display_name(row["id"].removeprefix(SCOPE_PREFIX)), row["detail"], "double click to open"]
        else:
            lines = [" + ".join(node["name"] for node in nodes), row["detail"]]
        if group is None:
            reason = next((node["reason"] for node in nodes if node["reason"]), None)
            return [*lines, f"not prunable: {reason}" if reason else "no prunable channels here"]
        facts = self._groups[group]
        if not facts["prunable"]:
            return [*lines, f"g{group} cannot be pruned: {facts['reason']}"]
        return [*lines, f"g{group} · {facts['size']} units · {facts['name']}", self._savings(group)]

    def _savings(self, group: int) -> str:
        """What goes with one unit of a group, and what that saves of the model; with all bits equal a share of the
        multiply-adds is a share of the BOPs."""
        facts = self._groups[group]
        tensors = len({member["parameter"] for member in facts["members"]})
        params, share = short_count(facts["unit_params"]), 100 * facts["unit_macs"] / max(1, self._macs)
        bops = f"{share:.2g} %" if share >= 0.01 else "under 0.01 %"
        return f"a unit is a slice of {tensors} tensors; removing it saves {params} parameters and {bops} of the BOPs"


def elements(analysis: AnalysisDocument, layout: LayoutDocument) -> list[Element]:
    """All elements, back to front: frames, rows with their parts, pills, edges."""
    painter = Painter(analysis, layout["edges"])
    rows = {row["id"]: row for row in layout["nodes"]}
    boxes = (element for box in layout["boxes"] for element in painter.box(box))
    parts = (element for row in layout["nodes"] for element in painter.row(row))
    pills = (_pill(edge, edge["pill"]) for edge in layout["edges"] if edge["pill"])
    edges = (painter.edge(edge, rows[edge["source"]], rows[edge["target"]]) for edge in layout["edges"])
    return [*boxes, *parts, *pills, *edges]


def _bar(row: PlacedNode, data: RowData) -> PartData:
    width = row["w"] - 2 * INSET
    return {
        "host": row["id"],
        "id": f"{row['id']}|bar",
        "label": row["detail"],
        "detail": row["detail"],
        "w": width,
        "tx": -width,
        "tw": width - 26,
        "outputs": data["outputs"],
        "stops": "0 0 0 0 100 100",
        "on": 0,
    }


def _pill(edge: PlacedEdge, position: Sequence[float]) -> NodeElement:
    """The activation quantizers of an edge, just above what reads them."""
    quantizers = list(edge["quantizers"])
    data: MarkData = {
        "id": f"{edge['id']}|pill",
        "host": edge["id"],
        "quantizers": quantizers,
        "label": "A",
        "mark": "A",
    }
    return _node(data, position[0], position[1], "part pill")


def diamond_place(row: Rectangle, pills: Iterable[Sequence[float]]) -> tuple[float, float]:
    """Where the diamond stands on the upper edge of a row, given the (x, y) of all pills.

    That is the right corner, else the left one, else between them, as far from every pill as `PILL_REACH` asks or the
    edge allows.
    """
    x, y, reach = row["x"], row["y"] - row["h"] / 2 - 5, row["w"] / 2 - 6
    near = [pill for pill, height in pills if abs(height - y) < MARK_HEIGHT]
    between = (x + reach - step for step in range(4, round(2 * reach), 4))
    places = [x + reach, x - reach - NAME_CLEAR, *between]
    return max(places, key=lambda x: min([PILL_REACH, *(abs(x - pill) for pill in near)])), y


def control_points(points: Sequence[Sequence[float]]) -> tuple[str, str]:
    """Inner points of a route as Cytoscape writes them: share of the way from end to end, and px to its right.

    Worked: for a route (0, 0), (5, 5), (10, 0) the inner point is half way (0.5) and 5 px off.
    """
    (x0, y0), (x1, y1) = points[0], points[-1]
    dx, dy = x1 - x0, y1 - y0
    length = hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    inner = points[1:-1]
    weights = [((x - x0) * ux + (y - y0) * uy) / length for x, y in inner]
    distances = [(y - y0) * ux - (x - x0) * uy for x, y in inner]
    return " ".join(f"{w:.4f}" for w in weights), " ".join(f"{d:.1f}" for d in distances)


def _offset(point: Sequence[float], row: Rectangle) -> str:
    return f"{point[0] - row['x']:.1f}px {point[1] - row['y']:.1f}px"


def _stack(row: PlacedNode, look: str) -> NodeElement:
    """A second sheet under a closed scope: there is more inside."""
    data: PartData = {"id": f"{row['id']}|stack", "host": row["id"], "w": row["w"], "h": row["h"]}
    return _node(data, row["x"] + 4, row["y"] + 4, f"part stack {look}")


def _node(data: NodeData, x: float, y: float, classes: str) -> NodeElement:
    return {"data": data, "position": {"x": round(x, 1), "y": round(y, 1)}, "classes": classes}
