"""Two graphs side by side: a model and what a run made of it, or two runs; what differs marked on both. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from geta_engine.drawing.diff import Difference, Kind, Side, kind_of
from geta_engine.drawing.labels import short_count
from geta_studio.graph.elements import Element

Layout = Mapping[str, Any]
_KINDS: tuple[Kind, ...] = ("changed", "gone", "new")
_HIDDEN = ("shape", "helper")


def counterparts(differences: Iterable[Difference]) -> dict[str, str]:
    """Node of the right graph -> the node of the left one that it is."""
    pairs = ((pair, pair.before) for pair in differences)
    return {key: before["id"] for pair, before in pairs if before for key in pair.ids("after")}


def made_alike(graph: Mapping[str, Any], differences: Iterable[Difference]) -> dict[str, Any]:
    """The right graph so that modules are folded as repeated where those of the left one are, whatever was cut."""
    makes = {
        key: f"{pair.before['op']} {pair.before['detail']}"
        for pair in differences
        if pair.before is not None
        for key in pair.ids("after")
    }
    return {**graph, "nodes": [{**node, "make": makes.get(node["id"])} for node in graph["nodes"]]}


def aligned(layout: Layout, other: Layout, differences: Iterable[Difference]) -> Layout:
    """`other` at the places of `layout`, where that draws all that it draws, what is gone left out; else as it is."""
    places = {entry["id"]: entry for entry in (*layout["nodes"], *layout["boxes"])}
    routes = {(edge["source"], edge["target"]): edge for edge in layout["edges"]}
    names = _counterparts(layout, other, counterparts(differences))
    ends = [(names[edge["source"]], names[edge["target"]]) for edge in other["edges"]]
    there = set(names.values())
    if len(there) < len(names) or not there <= places.keys() or not set(ends) <= routes.keys():
        return other
    return {
        **other,
        **{name: [_at(entry, places[names[entry["id"]]]) for entry in other[name]] for name in ("nodes", "boxes")},
        "edges": [
            {**edge, "points": routes[end]["points"], "pill": _pill(edge, routes[end])}
            for edge, end in zip(other["edges"], ends)
        ],
        "width": layout["width"],
        "height": layout["height"],
    }


def _counterparts(layout: Layout, other: Layout, counterpart: Mapping[str, str]) -> dict[str, str]:
    """Row or box of the right drawing -> what stands for the same nodes in the left one, else its own name."""
    names = {box["id"]: box["id"] for box in other["boxes"]}
    for entry in other["nodes"]:
        there = {layout["hosts"].get(counterpart[key]) for key in entry["members"] if key in counterpart}
        names[entry["id"]] = there.pop() if len(there) == 1 else entry["id"]
    return names


def _at(entry: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, **{name: place[name] for name in ("x", "y", "w", "h")}}


def _pill(edge: Mapping[str, Any], route: Mapping[str, Any]) -> Any:
    return route["pill"] or edge["pill"] if edge["quantizers"] else None


def _found(differences: Iterable[Difference], side: Side) -> dict[str, Difference]:
    return {key: pair for pair in differences for key in pair.ids(side)}


def marks(layout: Layout, differences: Iterable[Difference], side: Side) -> dict[str, Kind]:
    """What each row of one side is: only those that differ."""
    found = _found(differences, side)
    kinds = {entry["id"]: kind_of([found[key] for key in entry["members"]]) for entry in layout["nodes"]}
    return {row: kind for row, kind in kinds.items() if kind != "same"}


def bits_of(told: Iterable[Mapping[str, Any]], quantizers: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Quantizer of a compact graph -> its bits, of what its run tells: of the one of the same kind for the same layer,
    in order where a layer has several.

    Ids do not pair them: those of activations are numbered anew when a program is exported again.
    """
    bits = {key: quantizer["bits"] for key, quantizer in _placed(told)}
    return {quantizer["id"]: bits[key] for key, quantizer in _placed(quantizers) if key in bits}


def counterpart_quantizers(left: Iterable[Mapping[str, Any]], right: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Quantizer of the right graph -> the one of the left graph that it is: of the same kind for the same layer."""
    known = {key: quantizer["id"] for key, quantizer in _placed(left)}
    return {quantizer["id"]: known[key] for key, quantizer in _placed(right) if key in known}


def _placed(quantizers: Iterable[Mapping[str, Any]]) -> Iterable[tuple[tuple[str, str, int], Mapping[str, Any]]]:
    seen: Counter[tuple[str, str]] = Counter()
    for quantizer in quantizers:
        what = (quantizer["kind"], quantizer["layer"])
        yield (*what, seen[what]), quantizer
        seen[what] += 1


def marked(
    parts: Sequence[Element], layout: Layout, differences: Sequence[Difference], bits: Mapping[str, float]
) -> list[Element]:
    """The elements of the right graph with what changed as their classes and tooltips, and bits on their marks."""
    kinds, pairs = marks(layout, differences, "after"), _found(differences, "after")
    return [_marked(part, kinds, pairs, bits) for part in parts]


def _marked(
    part: Element, kinds: Mapping[str, Kind], pairs: Mapping[str, Difference], bits: Mapping[str, float]
) -> Element:
    data = part["data"]
    if "mark" in data:
        own = {round(bits[quantizer]) for quantizer in data["quantizers"] if quantizer in bits}
        widths = "–".join(str(width) for width in sorted({min(own), max(own)})) if own else ""
        label = f"{data['mark']}{widths}"
        size = {"wide": int(len(label) > 4), "across": max(40, 20 + 8 * len(label))}
        return {**part, "data": {**data, "label": label, **size}}
    if data["id"] not in kinds:
        return part
    own_pairs = {pairs[key].ids("after")[-1]: pairs[key] for key in data["nodes"]}
    lines = next(iter(own_pairs.values())).lines if len(own_pairs) == 1 else _total(list(own_pairs.values()))
    tip = [data["tip"][0], *lines]
    return {**part, "classes": f"{part['classes']} {kinds[data['id']]}", "data": {**data, "tip": tip}}


def _total(pairs: Sequence[Difference]) -> list[str]:
    """Parameters and multiply-adds of all together."""
    lines = []
    for name, words in (("n_params", "parameters"), ("macs", "multiply-adds")):
        was, now = (
            sum((side[name] or 0) for pair in pairs if (side := getattr(pair, at)) is not None)
            for at in ("before", "after")
        )
        if was != now:
            lines.append(f"{short_count(was)} → {short_count(now)} {words}")
    return lines


def waiting(text: str) -> list[Component]:
    """What stands where the right graph will be."""
    return [html.Span(text, className="graph-compared-what")]


def summary(
    title: str, left: Mapping[str, Any], right: Mapping[str, Any], differences: Iterable[Difference]
) -> list[Component]:
    """Two lines on the right graph: whose parameters became how many, and how many ops differ of those to be seen."""
    was, now = (short_count(analysis["model"]["params"]) for analysis in (left, right))
    seen = [pair for pair in differences if (pair.after or pair.before or {})["kind"] not in _HIDDEN]
    counts = {kind: sum(pair.kind == kind for pair in seen) for kind in _KINDS}
    told = [f"{count} {kind}" for kind, count in counts.items() if count]
    return [
        html.Span(f"{title} · {was} → {now} parameters", className="graph-compared-what"),
        html.Span(", ".join(told) or "nothing differs", className="graph-compared-counts"),
    ]
