"""What the browser knows of a drawing beside its elements, and what it says back of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from geta_engine.documents.analysis import AnalysisDocument, GraphStage
from geta_engine.documents.layout import LayoutDocument
from geta_engine.drawing.diff import Kind
from geta_engine.drawing.hierarchy import SCOPE_PREFIX
from geta_studio.shell.html_tree import Plain


class Scene(TypedDict):
    """Sizes of a drawing, and what stands for what in it."""

    model: str  # the key of the model that is drawn
    width: float
    height: float
    anchor: str | None  # the row or box that stays where it is on screen
    focus: str | None  # the node to bring into view
    hosts: Mapping[str, str]  # node -> what stands for it on screen
    scopes: Sequence[str]  # the open ones
    groups: Mapping[str, int]  # group -> how many units it has
    layers: Mapping[str, str]  # quantizer -> the layer that it is of
    readers: Mapping[str, str]  # quantizer -> the node that its mark stands at


class GraphScene(Scene):
    """The scene of the graph itself."""

    shape: bool  # whether shape and helper ops are shown
    legend: list[Plain] | None  # None while the legend of the model is there


class ComparedScene(Scene):
    """The scene of the graph that is compared with the one on screen."""

    left: Mapping[str, Kind]  # row of the left graph -> how it differs
    pairs: Mapping[str, str]  # node of this graph -> its counterpart in the left one
    quantizers: Mapping[str, str]  # quantizer of this graph -> its counterpart in the left one


class AwaitedScene(TypedDict):
    """The scene while the compared graph is analysed."""

    model: str
    hosts: None


class DrawnGraph(TypedDict):
    """What is drawn, as the page keeps it."""

    model: str  # its key
    graph: GraphStage
    shape: bool  # whether shape and helper ops are shown
    scopes: list[str]  # the open ones
    layout: str  # key of its layout


class GraphCommand(TypedDict):
    """What was asked of the graph, by a click or a key."""

    action: Literal["toggle", "reveal", "all", "everything", "most", "fold"]
    scope: NotRequired[str]  # of "toggle": what to open or close
    node: NotRequired[str]  # of "reveal": what to open the way to


class Matches(TypedDict):
    """What a search has found."""

    query: str
    nodes: list[str]  # in program order


def scene_of(
    key: str, analysis: AnalysisDocument, layout: LayoutDocument, anchor: str | None = None, focus: str | None = None
) -> Scene:
    """The scene of a layout of an analysis; `key` is the model's."""
    return {
        "model": key,
        "width": layout["width"],
        "height": layout["height"],
        "anchor": anchor,
        "focus": focus,
        "hosts": layout["hosts"],
        "scopes": [box["id"].removeprefix(SCOPE_PREFIX) for box in layout["boxes"]],
        "groups": {str(group["id"]): group["size"] for group in analysis["groups"]},
        "layers": {quantizer["id"]: quantizer["layer"] for quantizer in analysis["quantizers"]},
        "readers": {quantizer["id"]: quantizer["node"] for quantizer in analysis["quantizers"]},
    }
