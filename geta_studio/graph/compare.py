"""Two graphs side by side: a model and what a run made of it, or two runs; what differs marked on both. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar

from dash import html
from dash.development.base_component import Component

from geta_engine.documents.analysis import AnalysisDocument, GraphDocument, NodeDocument, QuantizerDocument
from geta_engine.documents.layout import LayoutDocument, PlacedBox, PlacedEdge, PlacedNode, Rectangle
from geta_engine.documents.runs import QuantizerRow
from geta_engine.drawing.diff import Difference, Kind, Side, kind_of
from geta_engine.drawing.labels import short_count
from geta_studio.graph.cytoscape import DIAMOND, Element, MarkData, RowData

_Quantizer = TypeVar("_Quantizer", QuantizerDocument, QuantizerRow)
_DIFFERENT: tuple[Kind, ...] = ("changed", "gone", "new")
_UNCOUNTED = ("shape", "helper")
_SUMS: tuple[tuple[Literal["n_params", "macs"], str], ...] = (("n_params", "parameters"), ("macs", "multiply-adds"))


def counterparts(differences: Iterable[Difference]) -> dict[str, str]:
    """Node of the right graph -> the node of the left one that it is."""
    pairs = ((pair, pair.before) for pair in differences)
    return {key: before["id"] for pair, before in pairs if before for key in pair.ids("after")}


def made_alike(graph: GraphDocument, differences: Iterable[Difference]) -> GraphDocument:
    """The right graph so that modules are folded as repeated where those of the left one are, whatever was cut."""
    makes = {
        key: f"{pair.before['op']} {pair.before['detail']}"
        for pair in differences
        if pair.before is not None
        for key in pair.ids("after")
    }
    nodes: list[NodeDocument] = [
        {**node, "make": makes[node["id"]]} if node["id"] in makes else node for node in graph["nodes"]
    ]
    return {**graph, "nodes": nodes}


def aligned(layout: LayoutDocument, compared: LayoutDocument, differences: Iterable[Difference]) -> LayoutDocument:
    """`compared` at the places of `layout`, where that draws all that `compared` draws; else as it is."""
    places: dict[str, Rectangle] = {node["id"]: node for node in layout["nodes"]}
    places.update((box["id"], box) for box in layout["boxes"])
    routes = {(edge["source"], edge["target"]): edge for edge in layout["edges"]}
    names = _names_at_left(layout, compared, counterparts(differences))
    ends = [(names[edge["source"]], names[edge["target"]]) for edge in compared["edges"]]
    named = set(names.values())
    if len(named) < len(names) or not named <= places.keys() or not set(ends) <= routes.keys():
        return compared
    return {
        **compared,
        "nodes": [_node_at(node, places[names[node["id"]]]) for node in compared["nodes"]],
        "boxes": [_box_at(box, places[names[box["id"]]]) for box in compared["boxes"]],
        "edges": [_edge_along(edge, routes[end]) for edge, end in zip(compared["edges"], ends, strict=True)],
        "width": layout["width"],
        "height": layout["height"],
    }


def _names_at_left(layout: LayoutDocument, compared: LayoutDocument, compared_of: Mapping[str, str]) -> dict[str, str]:
    """Row or box of the right drawing -> what stands for the same nodes in the left one, else its own name."""
    names = {box["id"]: box["id"] for box in compared["boxes"]}
    for row in compared["nodes"]:
        hosts = {layout["hosts"].get(compared_of[key]) for key in row["members"] if key in compared_of}
        host = hosts.pop() if len(hosts) == 1 else row["id"]
        names[row["id"]] = host or ""
    return names


def _node_at(node: PlacedNode, target: Rectangle) -> PlacedNode:
    return {**node, "x": target["x"], "y": target["y"], "w": target["w"], "h": target["h"]}


def _box_at(box: PlacedBox, target: Rectangle) -> PlacedBox:
    return {**box, "x": target["x"], "y": target["y"], "w": target["w"], "h": target["h"]}


def _edge_along(edge: PlacedEdge, route: PlacedEdge) -> PlacedEdge:
    pill = (route["pill"] or edge["pill"]) if edge["quantizers"] else None
    return {**edge, "points": route["points"], "pill": pill}


def _by_node(differences: Iterable[Difference], side: Side) -> dict[str, Difference]:
    return {key: pair for pair in differences for key in pair.ids(side)}


def marks(layout: LayoutDocument, differences: Iterable[Difference], side: Side) -> dict[str, Kind]:
    """What each row of one side is: only those that differ."""
    pairs = _by_node(differences, side)
    kinds = {row["id"]: kind_of([pairs[key] for key in row["members"]]) for row in layout["nodes"]}
    return {row: kind for row, kind in kinds.items() if kind != "same"}


def bits_of(trained: Iterable[QuantizerRow], quantizers: Iterable[QuantizerDocument]) -> dict[str, float]:
    """Quantizer of a compact graph -> its bits, of those that its run trained: of the one of the same kind for the same
    layer, in order where a layer has several.

    Ids do not pair them: those of activations are numbered anew when a program is exported again.
    """
    bits = {key: row["bits"] for key, row in _keyed(trained)}
    return {quantizer["id"]: bits[key] for key, quantizer in _keyed(quantizers) if key in bits}


def counterpart_quantizers(left: Iterable[QuantizerDocument], right: Iterable[QuantizerDocument]) -> dict[str, str]:
    """Quantizer of the right graph -> the one of the left graph that it is: of the same kind for the same layer."""
    at_left = {key: quantizer["id"] for key, quantizer in _keyed(left)}
    return {quantizer["id"]: at_left[key] for key, quantizer in _keyed(right) if key in at_left}


def _keyed(quantizers: Iterable[_Quantizer]) -> Iterator[tuple[tuple[str, str, int], _Quantizer]]:
    """Quantizers with their kind, their layer, and how many such came before."""
    counts: Counter[tuple[str, str]] = Counter()
    for quantizer in quantizers:
        kind, layer = quantizer["kind"], quantizer["layer"]
        yield (kind, layer, counts[kind, layer]), quantizer
        counts[kind, layer] += 1


def marked(
    elements: Sequence[Element], layout: LayoutDocument, differences: Sequence[Difference], bits: Mapping[str, float]
) -> list[Element]:
    """The elements of the right graph with what changed as their classes and tooltips, and bits on their marks."""
    kinds, pairs = marks(layout, differences, "after"), _by_node(differences, "after")
    return [_marked(element, kinds, pairs, bits) for element in elements]


def _marked(
    element: Element, kinds: Mapping[str, Kind], pairs: Mapping[str, Difference], bits: Mapping[str, float]
) -> Element:
    if "position" not in element:
        return element
    data = element["data"]
    if "mark" in data:
        return {**element, "data": _with_bits(data, bits)}
    if "tip" in data and data["id"] in kinds:
        classes = f"{element['classes']} {kinds[data['id']]}"
        return {**element, "classes": classes, "data": _with_changes(data, pairs)}
    return element


def _with_bits(mark: MarkData, bits: Mapping[str, float]) -> MarkData:
    """A mark with the range of the bits of its quantizers: `W4`, `W4–6`."""
    widths = {round(bits[quantizer]) for quantizer in mark["quantizers"] if quantizer in bits}
    ends = "–".join(str(width) for width in sorted({min(widths), max(widths)})) if widths else ""
    label = f"{mark['mark']}{ends}"
    return {**mark, "label": label, "wide": int(len(label) > 4), "across": max(DIAMOND, 20 + 8 * len(label))}


def _with_changes(row: RowData, pairs: Mapping[str, Difference]) -> RowData:
    """A row with what changed in its tooltip; each pair counts once, whatever number of ops it is."""
    changes = {pairs[key].ids("after")[-1]: pairs[key] for key in row["nodes"]}
    lines = next(iter(changes.values())).lines if len(changes) == 1 else _total(changes.values())
    return {**row, "tip": [row["tip"][0], *lines]}


def _total(pairs: Collection[Difference]) -> list[str]:
    """Parameters and multiply-adds of all together."""
    lines = []
    for name, words in _SUMS:
        was = sum(pair.before[name] for pair in pairs if pair.before is not None)
        now = sum(pair.after[name] for pair in pairs if pair.after is not None)
        if was != now:
            lines.append(f"{short_count(was)} → {short_count(now)} {words}")
    return lines


def waiting(text: str) -> list[Component]:
    """What stands where the right graph will be."""
    return [html.Span(text, className="graph-compared-what")]


def summary(
    title: str, left: AnalysisDocument, right: AnalysisDocument, differences: Iterable[Difference]
) -> list[Component]:
    """Two lines on the right graph: whose parameters became how many, and how many ops differ of those to be seen."""
    was, now = (short_count(analysis["model"]["params"]) for analysis in (left, right))
    counts = Counter(pair.kind for pair in differences if _is_counted(pair))
    texts = [f"{counts[kind]} {kind}" for kind in _DIFFERENT if counts[kind]]
    return [
        html.Span(f"{title} · {was} → {now} parameters", className="graph-compared-what"),
        html.Span(", ".join(texts) or "nothing differs", className="graph-compared-counts"),
    ]


def _is_counted(pair: Difference) -> bool:
    node = pair.after or pair.before
    return node is not None and node["kind"] not in _UNCOUNTED
