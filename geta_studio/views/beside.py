"""Two graphs side by side: a model and what a run made of it, what differs marked on both. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geta_engine.graph.difference import Difference, Kind, kind_of
from geta_engine.graph.hierarchy import short_count
from geta_studio.views.elements import Element

Layout = Mapping[str, Any]
_KINDS: tuple[Kind, ...] = ("changed", "gone", "new")


def aligned(layout: Layout, other: Layout) -> Layout:
    """`other` at the places of `layout`, where both draw the same things; else as it is."""
    places = {entry["id"]: entry for entry in (*layout["nodes"], *layout["boxes"])}
    routes = {(edge["source"], edge["target"]): edge for edge in layout["edges"]}
    ends = [(edge["source"], edge["target"]) for edge in other["edges"]]
    things = [entry["id"] for entry in (*other["nodes"], *other["boxes"])]
    if set(things) != places.keys() or set(ends) != routes.keys():
        return other
    return {
        **other,
        **{name: [_at(entry, places[entry["id"]]) for entry in other[name]] for name in ("nodes", "boxes")},
        "edges": [
            {**edge, "points": routes[end]["points"], "pill": _pill(edge, routes[end])}
            for edge, end in zip(other["edges"], ends)
        ],
        "width": layout["width"],
        "height": layout["height"],
    }


def _at(entry: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, **{name: place[name] for name in ("x", "y", "w", "h")}}


def _pill(edge: Mapping[str, Any], route: Mapping[str, Any]) -> Any:
    return route["pill"] or edge["pill"] if edge["quantizers"] else None


def marks(layout: Layout, differences: Sequence[Difference], side: str) -> dict[str, Kind]:
    """What each row of one side ("before" or "after") is: only those that differ."""
    found = {getattr(pair, side)["id"]: pair for pair in differences if getattr(pair, side) is not None}
    kinds = {entry["id"]: kind_of([found[key] for key in entry["members"]]) for entry in layout["nodes"]}
    return {row: kind for row, kind in kinds.items() if kind != "same"}


def marked(
    parts: Sequence[Element], layout: Layout, differences: Sequence[Difference], bits: Mapping[str, float]
) -> list[Element]:
    """The elements of the compact graph with what changed as their classes and tooltips, and bits on their marks."""
    kinds = marks(layout, differences, "after")
    pairs = {pair.after["id"]: pair for pair in differences if pair.after is not None}
    return [_marked(part, kinds, pairs, bits) for part in parts]


def _marked(
    part: Element, kinds: Mapping[str, Kind], pairs: Mapping[str, Difference], bits: Mapping[str, float]
) -> Element:
    data = part["data"]
    if "mark" in data:
        own = {round(bits[quantizer]) for quantizer in data["quantizers"] if quantizer in bits}
        label = "–".join(str(width) for width in sorted({min(own), max(own)})) if own else ""
        return {**part, "data": {**data, "label": f"{data['mark']}{label}", "wide": int(len(label) > 2)}}
    if data["id"] not in kinds:
        return part
    pair = pairs[data["nodes"][-1]]
    tip = [data["tip"][0], *(pair.lines if len(data["nodes"]) == 1 else _total(data["nodes"], pairs))]
    return {**part, "classes": f"{part['classes']} {kinds[data['id']]}", "data": {**data, "tip": tip}}


def _total(nodes: Sequence[str], pairs: Mapping[str, Difference]) -> list[str]:
    """Parameters and multiply-adds of all members together."""
    lines = []
    for name, words in (("n_params", "parameters"), ("macs", "multiply-adds")):
        was, now = (
            sum((side[name] or 0) for key in nodes if (side := getattr(pairs[key], at)) is not None)
            for at in ("before", "after")
        )
        if was != now:
            lines.append(f"{short_count(was)} → {short_count(now)} {words}")
    return lines


def summary(title: str, dense: Mapping[str, Any], compact: Mapping[str, Any], differences: Sequence[Difference]) -> str:
    """One line over the compact graph."""
    was, now = (sum(node["n_params"] or 0 for node in graph["nodes"]) for graph in (dense, compact))
    counts = {kind: sum(pair.kind == kind for pair in differences) for kind in _KINDS}
    told = [f"{count} {kind}" for kind, count in counts.items() if count]
    return f"{title} · {short_count(was)} → {short_count(now)} parameters · {', '.join(told) or 'nothing differs'}"
