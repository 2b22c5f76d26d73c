"""An analysis as Graphviz text and as an SVG picture. Names are data: they are quoted, never markup."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pygraphviz

from geta_engine.drawing import hierarchy, visible
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.stages import Stage, graph_at

COLOURS = ("#2e6fb7", "#de6b1f", "#4b9e5f", "#b03a84", "#332288", "#8c4a2f", "#cc79a7", "#7a1f3d")
"""Line colours of groups, repeated in order of their ids; the group's number is written too."""
GREY = "#7b8794"


def to_dot(
    analysis: Mapping[str, Any],
    open_scopes: Iterable[str] | None = None,
    stage: Stage = "groups",
    show_shape: bool = False,
) -> str:
    """Graphviz text of an analysis at a stage: open modules and quantizer branches as clusters, everything else as
    boxes.

    `open_scopes` None opens every module; an empty collection folds everything at the root. Folded quantizers are
    written on what they mark: "W" in the second line of a node, "A" on an edge. Shape-only and helper ops are drawn
    with `show_shape`. Raises InputError for a stage that is not there.
    """
    graph = graph_at(analysis, stage)
    tree = hierarchy.build(graph, show_shape)
    opened = frozenset(tree.scopes if open_scopes is None else open_scopes)
    seen = visible.visible(graph, tree, opened)
    facts = {node["id"]: node for node in graph["nodes"]}
    groups = {group["id"]: group for group in analysis["groups"]}
    numbers = {key: f"n{index}" for index, key in enumerate(seen["nodes"])}
    inside: dict[str, list[str]] = defaultdict(list)
    for key, entry in seen["nodes"].items():
        inside[entry["parent"]].append(f"{numbers[key]} {_attributes(_node(entry, facts, groups))};")
    lines = [
        f"digraph {quote(analysis['model']['name'])} {{",
        '  graph [fontname="Helvetica", ranksep=0.35, nodesep=0.3];',
        '  node [shape=box, style="rounded", fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=9, arrowsize=0.6];',
        *_cluster("", tree, opened, inside, "  "),
        *(f"  {numbers[e['source']]} -> {numbers[e['target']]}{_mark(e)};" for e in seen["edges"]),
        "}",
    ]
    return "\n".join(lines) + "\n"


def to_svg(dot: str) -> str:
    """The picture of Graphviz text, laid out by `dot`. Raises ValueError when the text is not Graphviz's language."""
    try:
        picture = pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot")
    except pygraphviz.DotError as error:
        raise ValueError(f"not a graph in Graphviz's language: {error}") from error
    return str(picture.decode("utf-8"))


def quote(text: str) -> str:
    """A double-quoted Graphviz string that shows exactly this text: quotes and backslashes escaped, no markup."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _cluster(
    scope: str, tree: hierarchy.Hierarchy, opened: frozenset[str], inside: Mapping[str, list[str]], indent: str
) -> list[str]:
    lines = [indent + line for line in inside.get(scope, ())]
    for child in tree.children[scope]:
        name = child.removeprefix(SCOPE_PREFIX)
        if child.startswith(SCOPE_PREFIX) and name in opened:
            label = quote(tree.label(name))
            body = _cluster(name, tree, opened, inside, indent + "  ")
            lines += [f"{indent}subgraph {quote('cluster_' + name)} {{", f'{indent}  label={label}; color="#b8c2cf";']
            lines += [*body, indent + "}"]
    return lines


def _node(entry: Mapping[str, Any], facts: Mapping[str, Any], groups: Mapping[int, Any]) -> dict[str, str]:
    members = [facts[key] for key in entry["members"]]
    group = next((node["group"] for node in reversed(members) if node["group"] is not None), None)
    weights = sum(1 for node in members if node["quantizer"])
    marks = ["", "W"][weights] if weights < 2 else f"{weights} W"
    second = [entry["detail"], f"g{group}" if group is not None else "", marks]
    first = f"{entry['label']} {entry['badge']}".strip()
    prunable = group is not None and groups[group]["prunable"]
    return {
        "label": _two_lines(first, " · ".join(word for word in second if word)),
        "color": quote(COLOURS[group % len(COLOURS)] if prunable and group is not None else GREY),
        "style": quote("rounded" if prunable else "rounded,dashed"),
    }


def _two_lines(first: str, second: str) -> str:
    return f"{quote(first)[:-1]}\\n{quote(second)[1:]}" if second else quote(first)


def _mark(edge: Mapping[str, Any]) -> str:
    count = len(edge["quantizers"])
    return f" [label={quote('A' if count == 1 else f'{count} A')}]" if count else ""


def _attributes(values: Mapping[str, str]) -> str:
    return "[" + ", ".join(f"{key}={value}" for key, value in values.items()) + "]"
