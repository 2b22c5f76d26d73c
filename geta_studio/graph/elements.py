"""A layout and an analysis as Cytoscape elements. Pure; colours and live values are not in here (see `stylesheet` and
assets/js/graph/painting.js), so that elements change only when modules are opened or closed.

Each row or closed scope is a node with, on top of it, a bar (its second line and the kept/redundant/zero bar), and
where there is something to say a tag (its group), a badge, a toggle and a diamond (its weight quantizers). Pills are
nodes on edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Any

from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.labels import short_count
from geta_engine.drawing.repeats import display_name
from geta_engine.drawing.stages import branch_scopes, quantizers_of
from geta_studio.shell.palette import group_slots

Element = dict[str, Any]
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
    """Makes elements for one analysis; `facts` are its nodes by id, `groups` its groups by id."""

    def __init__(self, analysis: Mapping[str, Any], edges: Sequence[Mapping[str, Any]] = ()) -> None:
        self.pills = [edge["pill"] for edge in edges if edge["pill"]]
        self.facts = {node["id"]: node for node in analysis["graph"]["nodes"]}
        self.groups = {group["id"]: group for group in analysis["groups"]}
        self.slots = group_slots(analysis)
        self.macs = analysis["model"]["macs"]
        self.branches = analysis["graph"].get("branches", [])
        self.branch_of = branch_scopes(analysis["graph"])
        self.quantizers = quantizers_of(analysis["graph"])

    def row(self, entry: Mapping[str, Any]) -> list[Element]:
        """A row or a closed scope with its parts."""
        members = [self.facts[key] for key in entry["members"]]
        group = self.group_of(entry)
        look = self.look(group)
        kind = "scope" if entry["kind"] == "scope" else members[0]["kind"]
        indent = TOGGLE if kind == "scope" else 0
        row = {
            "id": entry["id"],
            "label": entry["label"],
            "w": entry["w"],
            "h": entry["h"],
            "tx": INSET + indent - entry["w"],
            "tw": entry["w"] - 2 * INSET - indent - (50 if entry["badge"] else 0),
            "kind": entry["kind"],
            "group": group,
            "groups": sorted({g for n in members for g in (n["group"], n["in_group"]) if g is not None}),
            "outputs": sorted({n["group"] for n in members if self._prunable(n["group"])}),
            "nodes": entry["members"],
            "params": sum(n["n_params"] or 0 for n in members),
            "macs": sum(n["macs"] or 0 for n in members),
            "weights": [n["quantizer"] for n in members if n["quantizer"]],
            "quantizer": self.quantizer_of(entry),
            "tip": self.tip(entry, members, group),
        }
        kinds = f"{kind}{self._branch(row['id'])}"
        parts = [_node(row, entry["x"], entry["y"], f"row {kinds} {look}"), *self._parts(entry, row, look)]
        return [_stack(entry, look), *parts] if kind == "scope" else parts

    def _parts(self, entry: Mapping[str, Any], row: Mapping[str, Any], look: str) -> list[Element]:
        x, y, w, h = entry["x"], entry["y"], entry["w"], entry["h"]
        host = {"host": entry["id"]}
        bar_w = w - 2 * INSET
        bar = {**host, "id": f"{entry['id']}|bar", "label": entry["detail"], "detail": entry["detail"]}
        bar |= {
            "w": bar_w,
            "tx": -bar_w,
            "tw": bar_w - 26,
            "outputs": row["outputs"],
            "stops": "0 0 0 0 100 100",
            "on": 0,
        }
        parts = [_node(bar, x, y + h / 2 - 5, f"part bar {look}")]
        if row["group"] is not None:
            tag = {**host, "id": f"{entry['id']}|tag", "label": f"g{row['group']}", "group": row["group"]}
            parts.append(_node(tag, x + w / 2 - 9, y + h / 2 - 14, f"part tag {look}"))
        if entry["kind"] == "scope":
            toggle = {**host, "id": f"{entry['id']}|toggle", "scope": entry["id"].removeprefix(SCOPE_PREFIX)}
            parts.append(_node(toggle, x - w / 2 + INSET + 7, y - 9, "part toggle open"))
        if entry["badge"]:
            badge = {**host, "id": f"{entry['id']}|badge", "label": entry["badge"]}
            parts.append(_node(badge, x + w / 2 - (34 if row["weights"] else 12), y - 7, "part badge"))
        if row["weights"]:
            diamond = {**host, "id": f"{entry['id']}|weights", "quantizers": row["weights"], "label": "W", "mark": "W"}
            diamond |= {"across": 40}
            parts.append(_node(diamond, *self.free_place(entry), "part diamond"))
        return parts

    def free_place(self, entry: Mapping[str, Any]) -> tuple[float, float]:
        """Where a row's diamond goes on its upper edge: the right corner, else the left, else between them, as far from
        every pill as `PILL_REACH` asks or the edge allows."""
        x, y, reach = entry["x"], entry["y"] - entry["h"] / 2 - 5, entry["w"] / 2 - 6
        near = [pill for pill, height in self.pills if abs(height - y) < MARK_HEIGHT]
        between = (x + reach - step for step in range(4, round(2 * reach), 4))
        places = [x + reach, x - reach - NAME_CLEAR, *between]
        return max(places, key=lambda place: min([PILL_REACH, *(abs(place - pill) for pill in near)])), y

    def box(self, entry: Mapping[str, Any]) -> list[Element]:
        """An open scope: a frame, and a toggle that carries its title."""
        scope = entry["id"].removeprefix(SCOPE_PREFIX)
        frame = {"id": entry["id"], "w": entry["w"], "h": entry["h"], "kind": "box", "scope": scope}
        frame["quantizer"] = self.branches[self.branch_of[scope]]["quantizer"] if scope in self.branch_of else None
        left, top = entry["x"] - entry["w"] / 2, entry["y"] - entry["h"] / 2
        title = f"{entry['label']}  {entry['badge']}" if entry["badge"] else entry["label"]
        toggle = {"id": f"{entry['id']}|toggle", "host": entry["id"], "scope": scope, "label": title}
        kind = f"depth{min(entry['depth'], 3)}{self._branch(entry['id'])}"
        return [
            _node(frame, entry["x"], entry["y"], f"box {kind}"),
            _node(toggle, left + 15, top + 14, f"part toggle close {kind}"),
        ]

    def _branch(self, key: str) -> str:
        """The classes of a scope that is a quantizer branch."""
        branch = self.branch_of.get(key.removeprefix(SCOPE_PREFIX))
        return "" if branch is None else f" branch {self.branches[branch]['kind']}"

    def pill(self, edge: Mapping[str, Any]) -> Element:
        """The activation quantizers of an edge, just above what reads them."""
        data = {"id": f"{edge['id']}|pill", "host": edge["id"], "quantizers": edge["quantizers"]}
        data |= {"label": "A", "mark": "A"}
        x, y = edge["pill"]
        return _node(data, x, y, "part pill")

    def quantizer_of(self, entry: Mapping[str, Any]) -> str | None:
        """The quantizer that a row is of; of a closed scope only where it holds nothing else, as a branch does."""
        found = [self.quantizers.get(key) for key in entry["members"]]
        if entry["kind"] == "scope" and len(set(found)) > 1:
            return None
        return next((quantizer for quantizer in found if quantizer), None)

    def group_of(self, entry: Mapping[str, Any]) -> int | None:
        """The group of what leaves a row or scope."""
        return next((g for key in reversed(entry["members"]) if (g := self.facts[key]["group"]) is not None), None)

    def look(self, group: int | None) -> str:
        """The class that colours a group: its slot, or grey where it cannot be pruned."""
        return f"slot{self.slots[group]}" if group is not None and self._prunable(group) else GREY

    def _prunable(self, group: int | None) -> bool:
        return group is not None and bool(self.groups[group]["prunable"])

    def tip(self, entry: Mapping[str, Any], members: Sequence[Mapping[str, Any]], group: int | None) -> list[str]:
        """Lines of the tooltip: what it is, and why it cannot be pruned."""
        if entry["kind"] == "scope":
            name = display_name(entry["id"].removeprefix(SCOPE_PREFIX))
            lines = [name, entry["detail"], "double click to open"]
        else:
            lines = [" + ".join(node["name"] for node in members), entry["detail"]]
        if group is None:
            reason = next((node["reason"] for node in members if node["reason"]), None)
            return [*lines, f"not prunable: {reason}" if reason else "no prunable channels here"]
        if not self._prunable(group):
            return [*lines, f"g{group} cannot be pruned: {self.groups[group]['reason']}"]
        return [
            *lines,
            f"g{group} · {self.groups[group]['size']} units · {self.groups[group]['name']}",
            self.saves(group),
        ]

    def saves(self, group: int) -> str:
        """What goes with one unit of a group, and what that saves of the model; with all bits equal a share of the
        multiply-adds is a share of the BOPs."""
        own = self.groups[group]
        tensors = len({member["parameter"] for member in own["members"]})
        size, share = short_count(own["unit_params"]), 100 * own["unit_macs"] / max(1, self.macs)
        bops = f"{share:.2g} %" if share >= 0.01 else "under 0.01 %"
        return f"a unit is a slice of {tensors} tensors; removing it saves {size} parameters and {bops} of the BOPs"


def elements(analysis: Mapping[str, Any], layout: Mapping[str, Any]) -> list[Element]:
    """All elements, back to front: frames, edges, rows with their parts, pills."""
    painter = Painter(analysis, layout["edges"])
    placed = {entry["id"]: entry for entry in layout["nodes"]}
    parts: list[Element] = []
    for entry in layout["boxes"]:
        parts += painter.box(entry)
    for entry in layout["nodes"]:
        parts += painter.row(entry)
    parts += [painter.pill(edge) for edge in layout["edges"] if edge["pill"]]
    return parts + [_edge(edge, placed, painter) for edge in layout["edges"]]


def _edge(edge: Mapping[str, Any], placed: Mapping[str, Mapping[str, Any]], painter: Painter) -> Element:
    source, target = placed[edge["source"]], placed[edge["target"]]
    points = edge["points"]
    group = painter.group_of(source)
    data = {
        "id": edge["id"],
        "source": edge["source"],
        "target": edge["target"],
        "from": _offset(points[0], source),
        "to": _offset(points[-1], target),
        "groups": [] if group is None else [group],
        "many": edge["multiplicity"],
    }
    if len(points) == 2:
        return {"data": data, "classes": f"edge straight {painter.look(group)}"}
    weights, distances = control_points(points)
    data |= {"weights": weights, "distances": distances}
    return {"data": data, "classes": f"edge curved {painter.look(group)}"}


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


def _offset(point: Sequence[float], entry: Mapping[str, Any]) -> str:
    return f"{point[0] - entry['x']:.1f}px {point[1] - entry['y']:.1f}px"


def _stack(entry: Mapping[str, Any], look: str) -> Element:
    """A second sheet under a closed scope: there is more inside."""
    data = {"id": f"{entry['id']}|stack", "host": entry["id"], "w": entry["w"], "h": entry["h"]}
    return _node(data, entry["x"] + 4, entry["y"] + 4, f"part stack {look}")


def _node(data: Mapping[str, Any], x: float, y: float, classes: str) -> Element:
    return {"data": dict(data), "position": {"x": round(x, 1), "y": round(y, 1)}, "classes": classes}


def scene(
    key: str, analysis: Mapping[str, Any], layout: Mapping[str, Any], anchor: str | None, focus: str | None
) -> dict[str, Any]:
    """What the browser needs beside the elements: sizes, what stands for each node, and each group's size."""
    return {
        "model": key,
        "width": layout["width"],
        "height": layout["height"],
        "anchor": anchor,
        "focus": focus,
        "hosts": layout["hosts"],
        "scopes": [box["id"].removeprefix(SCOPE_PREFIX) for box in layout["boxes"]],
        "groups": {str(g["id"]): g["size"] for g in analysis["groups"]},
        "layers": {q["id"]: q["layer"] for q in analysis["quantizers"]},
        "readers": {q["id"]: q["node"] for q in analysis["quantizers"]},
    }
