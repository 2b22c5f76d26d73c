"""An analysis as Graphviz text and as an SVG picture. Names are data: they are quoted, never markup."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pygraphviz

from geta_engine.documents.analysis import AnalysisDocument, GraphStage, GroupDocument, NodeDocument
from geta_engine.documents.layout import VisibleEdge, VisibleNode
from geta_engine.drawing import hierarchy, visible
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_engine.drawing.palette import FIXED_COLOUR, GROUP_COLOURS, SCOPE_COLOUR
from geta_engine.drawing.stages import graph_at


def to_dot(
    analysis: AnalysisDocument,
    open_scopes: Iterable[str] | None = None,
    stage: GraphStage = "groups",
    show_shape: bool = False,
) -> str:
    """Graphviz text of an analysis at a stage: open modules and quantizer branches as clusters, the rest as boxes.

    `open_scopes` None opens every module; an empty collection folds everything at the root. Folded quantizers are
    written on what they mark: "W" in the second line of a node, "A" on an edge. Colours of groups repeat in order of
    their ids; the number of the group is written too. Shape-only and helper ops are drawn with `show_shape`.

    Raises:
        InputError: there is no such stage.
    """
    graph = graph_at(analysis, stage)
    tree = hierarchy.build(graph, show_shape)
    opened = frozenset(tree.scopes if open_scopes is None else open_scopes)
    drawn = visible.visible(graph, tree, opened)
    nodes = {node["id"]: node for node in graph["nodes"]}
    groups = {group["id"]: group for group in analysis["groups"]}
    numbers = {key: f"n{index}" for index, key in enumerate(drawn["nodes"])}
    inside: dict[str, list[str]] = defaultdict(list)
    for key, entry in drawn["nodes"].items():
        inside[entry["parent"]].append(f"{numbers[key]} {_attributes(_node(entry, nodes, groups))};")
    lines = [
        f"digraph {quote(analysis['model']['name'])} {{",
        '  graph [fontname="Helvetica", ranksep=0.35, nodesep=0.3];',
        '  node [shape=box, style="rounded", fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=9, arrowsize=0.6];',
        *_cluster("", tree, opened, inside, "  "),
        *(f"  {numbers[e['source']]} -> {numbers[e['target']]}{_mark(e)};" for e in drawn["edges"]),
        "}",
    ]
    return "\n".join(lines) + "\n"


def to_svg(dot: str) -> str:
    """The picture of Graphviz text, laid out by `dot`.

    Raises:
        ValueError: the text is not in Graphviz's language.
    """
    try:
        picture = pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot")
    except pygraphviz.DotError as error:
        raise ValueError(f"not a graph in Graphviz's language: {error}") from error
    return str(picture.decode("utf-8"))


def quote(text: str) -> str:
    """A double-quoted Graphviz string that shows exactly this text: quotes and backslashes escaped, no markup."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _cluster(
    scope: str, tree: hierarchy.Hierarchy, opened: frozenset[str], inside: Mapping[str, list[str]], indent: str
) -> list[str]:
    lines = [indent + line for line in inside.get(scope, ())]
    for child in tree.children[scope]:
        name = child.removeprefix(SCOPE_PREFIX)
        if child.startswith(SCOPE_PREFIX) and name in opened:
            label, colour = quote(tree.label(name)), quote(SCOPE_COLOUR)
            body = _cluster(name, tree, opened, inside, indent + "  ")
            lines += [f"{indent}subgraph {quote('cluster_' + name)} {{", f"{indent}  label={label}; color={colour};"]
            lines += [*body, indent + "}"]
    return lines


def _node(entry: VisibleNode, nodes: Mapping[str, NodeDocument], groups: Mapping[int, GroupDocument]) -> dict[str, str]:
    members = [nodes[key] for key in entry["members"]]
    group = next((node["group"] for node in reversed(members) if node["group"] is not None), None)
    weights = sum(1 for node in members if node["quantizer"])
    second = [entry["detail"], f"g{group}" if group is not None else "", _counted(weights, "W")]
    first = f"{entry['label']} {entry['badge']}".strip()
    prunable = group is not None and groups[group]["prunable"]
    return {
        "label": _two_lines(first, " · ".join(word for word in second if word)),
        "color": quote(GROUP_COLOURS[group % len(GROUP_COLOURS)] if prunable and group is not None else FIXED_COLOUR),
        "style": quote("rounded" if prunable else "rounded,dashed"),
    }


def _two_lines(first: str, second: str) -> str:
    return f"{quote(first)[:-1]}\\n{quote(second)[1:]}" if second else quote(first)


def _mark(edge: VisibleEdge) -> str:
    count = len(edge["quantizers"])
    return f" [label={quote(_counted(count, 'A'))}]" if count else ""


def _counted(count: int, mark: str) -> str:
    """A quantizer mark, with how often it stands there: "", "W", "3 W"."""
    return ["", mark][count] if count < 2 else f"{count} {mark}"


def _attributes(values: Mapping[str, str]) -> str:
    return "[" + ", ".join(f"{key}={value}" for key, value in values.items()) + "]"
