"""The inspector: what is selected in the graph, in numbers and plain words. Pure: data in, components out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from geta_engine.documents.analysis import GroupDocument, NodeDocument, QuantizerDocument
from geta_engine.drawing.opening import nodes_inside
from geta_engine.drawing.repeats import display_name, is_fold
from geta_engine.drawing.stages import graph_at
from geta_studio.inspector import ids
from geta_studio.inspector.group import group_body, group_head, group_live
from geta_studio.inspector.missing import missing_head
from geta_studio.inspector.parts import Subject, chips, facts, head, link, reason_box, share
from geta_studio.inspector.quantizer import quantizer_body, quantizer_head, quantizer_live
from geta_studio.shell.format import count
from geta_studio.shell.stores import Selection


class Page(NamedTuple):
    """The parts of the inspector that stay while a run goes on: heading, and what is below the figure."""

    head: Sequence[Component]
    body: Sequence[Component]


class Live(NamedTuple):
    """The parts that follow the run, made anew at every frame: the numbers, and the figure's caption."""

    numbers: Sequence[Component]
    note: Sequence[Component]


def inspector_panel() -> Component:
    """The fixed frame; the callbacks fill its parts, so that a live update replaces only numbers and the figure."""
    return html.Div(
        id=ids.INSPECTOR,
        className="inspector",
        children=[
            html.Div(empty_page().head, id=ids.INSPECT_HEAD),
            html.Div(id=ids.INSPECT_LIVE),
            html.Div(id=ids.INSPECT_PLOT, className="inspect-plot-box"),
            html.Div(id=ids.INSPECT_NOTE, className="inspect-note"),
            html.Div(id=ids.INSPECT_BODY),
        ],
    )


def inspector_figure() -> Component:
    """The one figure of the inspector, empty; like those of the dock it is mounted after the first graph."""
    config: Any = {"displayModeBar": False, "responsive": True, "showTips": False}
    return dcc.Graph(id=ids.INSPECT_FIGURE, config=config, className="inspect-plot", responsive=True)


def empty_page() -> Page:
    """What to do when nothing is selected."""
    tips = (
        "Click a node to see its shape, cost, groups and quantizers.",
        "Click a group in the legend, or the g-number on a node, to see what is tied together and why.",
        "Click a diamond (weights) or a pill (activations) to see how it rounds.",
        "Double click a module, or its + and −, to open and close it.",
    )
    listed = html.Ul([html.Li(tip) for tip in tips], className="inspect-tips")
    return Page([html.H2("Nothing selected"), listed], [])


def page(subject: Subject | None, selection: Selection | None, stage: str = "groups") -> Page:
    """The page of what is selected; a sentence where this model has no such thing, the empty page where nothing is.

    At the stages "trace" and "branches" the ops that are folded away later have pages too.
    """
    if subject is None or not selection:
        return empty_page()
    selected_page = _page_of(subject, selection)
    if selected_page is None and stage in ("trace", "branches"):
        selected_page = _page_of(Subject({**subject.analysis, "graph": graph_at(subject.analysis, "trace")}), selection)
    return selected_page or Page(missing_head(subject, selection), [])


def _page_of(subject: Subject, selection: Selection) -> Page | None:
    make = {"node": _node_page, "group": _group_page, "quantizer": _quantizer_page, "scope": _scope_page}
    maker = make.get(selection["kind"])
    return maker(subject, str(selection["id"])) if maker else None


def live(subject: Subject | None, selection: Selection | None) -> Live:
    """What the run says of what is selected now; a module has no such numbers."""
    if subject is None or not selection:
        return Live([], [])
    make = {"node": _node_live, "group": _group_live, "quantizer": _quantizer_live}
    maker = make.get(selection["kind"])
    return maker(subject, str(selection["id"])) if maker else Live([], [])


def _node_page(subject: Subject, identity: str) -> Page | None:
    node = subject.nodes.get(identity)
    if node is None:
        return None
    return Page(head(node["name"], node["op"], node["scope"]), _node_body(subject, node))


def _node_live(subject: Subject, identity: str) -> Live:
    node = subject.nodes.get(identity)
    rows = [quantizer_row(subject, q) for q in subject.quantizers_of(node)] if node else []
    return Live([html.Div([html.H3("Quantizers"), *rows], className="inspect-section")] if rows else [], [])


def _node_body(subject: Subject, node: NodeDocument) -> list[Component]:
    model = subject.analysis["model"]
    rows = [
        ("output shape", " × ".join(map(str, node["shape"])) or "–"),
        ("parameters", share(node["n_params"], model["params"])),
        ("multiply-adds", share(node["macs"], model["macs"])),
    ]
    parts: list[Component] = [facts(rows, title="1 multiply-add counts as 1; shapes of the traced example")]
    reason = node["reason"] or subject.reason_of(node["group"])
    if reason:
        parts.append(reason_box("Its output cannot be pruned", reason))
    groups = [_group_line(subject, node["group"], "writes", "output channels")] if node["group"] is not None else []
    if node["in_group"] is not None:
        groups.append(_group_line(subject, node["in_group"], "reads", "input channels"))
    if groups:
        parts.append(html.Div([html.H3("Groups"), *groups], className="inspect-section"))
    if node["parameters"]:
        parts.append(html.Div([html.H3("Parameters"), _parameters(subject, node)], className="inspect-section"))
    parts.append(_neighbours(subject, node))
    return parts


def _group_line(subject: Subject, group: int, verb: str, what: str) -> Component:
    entry = subject.groups[group]
    state = f"{entry['size']} units" if entry["prunable"] else "not prunable"
    after = html.Span(f"{what} · {state}", className="muted")
    return html.Div([html.Span(verb, className="muted"), subject.group_link(group), after], className="inspect-line")


def _parameters(subject: Subject, node: NodeDocument) -> Component:
    roles = {(m["parameter"], m["dim"]): group["id"] for group in subject.analysis["groups"] for m in group["members"]}
    rows = []
    for name in node["parameters"]:
        dims = [(dim, group) for (parameter, dim), group in sorted(roles.items()) if parameter == name]
        cells = [html.Span([f"dim {dim} ", subject.group_link(group)], className="dim-group") for dim, group in dims]
        rows.append(html.Tr([html.Td(html.Code(name)), html.Td(cells)]))
    return html.Table(html.Tbody(rows), className="inspect-table")


def _neighbours(subject: Subject, node: NodeDocument) -> Component:
    edges = subject.analysis["graph"]["edges"]
    sources = list(dict.fromkeys(e["source"] for e in edges if e["target"] == node["id"]))
    targets = list(dict.fromkeys(e["target"] for e in edges if e["source"] == node["id"]))
    lines = [
        html.Div([html.Span(word, className="muted"), chips(subject, neighbours)], className="inspect-line")
        for word, neighbours in (("from", sources), ("to", targets))
        if neighbours
    ]
    return html.Div([html.H3("Connected"), *lines], className="inspect-section")


def _what_is_read(quantizer: QuantizerDocument) -> str:
    if quantizer["kind"] == "weight":
        return "weights"
    return "input activation, unsigned" if quantizer["unsigned"] else "input activation"


def quantizer_row(subject: Subject, quantizer: QuantizerDocument) -> Component:
    """One line about a quantizer: kind, bits now, bounds."""
    bits, bounds = subject.bits(quantizer["id"]), subject.bounds.get(quantizer["id"])
    return html.Div(
        [
            html.Span("W" if quantizer["kind"] == "weight" else "A", className=f"mark-letter {quantizer['kind']}"),
            link("quantizer", quantizer["id"], _what_is_read(quantizer)),
            html.Span(className="spacer"),
            html.Strong(f"{bits:.3g} bits" if bits is not None else ""),
            html.Span(f"bounds {bounds[0]}–{bounds[1]}" if bounds else "", className="muted"),
        ],
        className="inspect-line",
    )


def _group(subject: Subject, identity: str) -> GroupDocument | None:
    return next((group for number, group in subject.groups.items() if str(number) == identity), None)


def _group_page(subject: Subject, identity: str) -> Page | None:
    group = _group(subject, identity)
    return None if group is None else Page(group_head(subject, group), group_body(subject, group))


def _group_live(subject: Subject, identity: str) -> Live:
    group = _group(subject, identity)
    if group is None or group["id"] not in subject.units:
        return Live([], [])
    note = html.Span("Norms of its units now, largest first; orange is redundant, nothing is zero.")
    return Live(group_live(subject, group), [note])


def _quantizer_page(subject: Subject, identity: str) -> Page | None:
    quantizer = subject.quantizers.get(identity)
    return None if quantizer is None else Page(quantizer_head(quantizer), quantizer_body(subject, quantizer))


def _quantizer_live(subject: Subject, identity: str) -> Live:
    quantizer = subject.quantizers.get(identity)
    if quantizer is None:
        return Live([], [])
    note = html.Span("x → x_Q: c = min(|x|, q_m)^t, x_Q = sgn(x) · d · round(c / d)")
    return Live(quantizer_live(subject, quantizer), [] if subject.state(identity) is None else [note])


def _scope_page(subject: Subject, scope: str) -> Page | None:
    inside = _inside(subject, scope)
    if not inside:
        return None
    model = subject.analysis["model"]
    groups = sorted({n["group"] for n in inside if n["group"] is not None})
    layers = [n for n in inside if n["quantizer"]]
    rows = [
        ("nodes", count(len(inside))),
        ("parameters", share(sum(n["n_params"] or 0 for n in inside), model["params"])),
        ("multiply-adds", share(sum(n["macs"] or 0 for n in inside), model["macs"])),
    ]
    body: list[Component] = [facts(rows)]
    if groups:
        links = html.Div([subject.group_link(group) for group in groups], className="chip-row")
        body.append(html.Div([html.H3("Groups its nodes write"), links], className="inspect-section"))
    if layers:
        layer_chips = chips(subject, [n["id"] for n in layers])
        body.append(html.Div([html.H3("Quantized layers"), layer_chips], className="inspect-section"))
    return Page(head(display_name(scope), "repeated modules" if is_fold(scope) else "module", ""), body)


def _inside(subject: Subject, scope: str) -> list[NodeDocument]:
    """The nodes that a drawn scope holds, or a module that holds one thing and is drawn as that."""
    graph = subject.analysis["graph"]
    drawn = nodes_inside(graph, scope) or nodes_inside(graph, scope, show_shape=True)
    return [node for key, node in subject.nodes.items() if (key in drawn if drawn else _is_within(node, scope))]


def _is_within(node: NodeDocument, scope: str) -> bool:
    path = node["name"] if node["kind"] == "layer" else node["scope"]
    return f"{path}.".startswith(f"{scope}.")


def figure_kind(selection: Selection | None, subject: Subject | None) -> str | None:
    """Which figure belongs to the selection now: "norms", "stairs", or None."""
    if subject is None or not selection:
        return None
    if selection["kind"] == "group":
        group = _group(subject, str(selection["id"]))
        return "norms" if group is not None and group["id"] in subject.units else None
    return "stairs" if selection["kind"] == "quantizer" and subject.state(str(selection["id"])) is not None else None
