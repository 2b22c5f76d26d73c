from __future__ import annotations

from typing import Any

import pygraphviz
import pytest

from geta_engine.documents.analysis import GraphStage
from geta_engine.drawing.dot import quote, to_dot, to_svg
from geta_engine.drawing.hierarchy import build
from geta_engine.drawing.stages import GRAPH_STAGES, graph_at
from geta_engine.errors import InputError


def test_every_row_is_a_node_and_every_open_module_a_cluster(report: Any) -> None:
    graph = pygraphviz.AGraph(string=to_dot(report("resnet20")))
    assert graph.number_of_nodes() == 34
    assert graph.get_subgraph("cluster_layer2.0") is None  # nested: found through its parent
    assert graph.get_subgraph("cluster_layer2").get_subgraph("cluster_layer2.0") is not None


def test_folded_graph_has_the_top_modules_only(report: Any) -> None:
    graph = pygraphviz.AGraph(string=to_dot(report("resnet20"), ()))
    assert graph.number_of_nodes() == 8
    assert any(node.attr["label"].startswith("layer1 ×3") for node in graph.nodes())


def test_groups_quantizers_and_what_cannot_be_pruned_are_written(report: Any) -> None:
    text = to_dot(report("lenet"))
    assert " · g1 · W" in text
    assert '[label="A"]' in text
    assert 'style="rounded,dashed"' in text


@pytest.mark.parametrize("stage", GRAPH_STAGES)
@pytest.mark.parametrize("show_shape", [False, True])
def test_what_a_stage_shows_is_drawn(report: Any, stage: GraphStage, show_shape: bool) -> None:
    analysis = report("resnet8")
    text = to_dot(analysis, stage=stage, show_shape=show_shape)
    rows = build(graph_at(analysis, stage), show_shape).rows
    assert pygraphviz.AGraph(string=text).number_of_nodes() == len(rows)
    expanded = stage in ("trace", "branches")
    assert (f"{quote('round')[:-1]}\\n" in text) == expanded and ('[label="A"]' in text) != expanded
    assert (" · g1" in text) == (stage == "groups")
    assert ('label="attached · conv1"' in text) == (stage == "branches")
    assert ('label="flatten' in text) == show_shape


def test_an_unknown_stage_is_refused(report: Any) -> None:
    with pytest.raises(InputError, match="give trace, branches, qadg, groups"):
        to_dot(report("mlp"), stage="middle")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ['a"];evil [label="x', "<b>bold</b>", "back\\nslash", "tab\tnew\nline", "ünïcode"])
def test_names_are_data(report: Any, name: str) -> None:
    analysis = report("mlp")
    nodes = [{**n, "label": name, "name": name} for n in analysis["graph"]["nodes"]]
    hostile = {**analysis, "graph": {**analysis["graph"], "nodes": nodes}, "model": {**analysis["model"], "name": name}}
    text = to_dot(hostile)
    assert (
        pygraphviz.AGraph(string=text).number_of_nodes() == pygraphviz.AGraph(string=to_dot(analysis)).number_of_nodes()
    )
    picture = to_svg(text)
    assert "<b>" not in picture and "<script" not in picture


def test_a_quoted_name_shows_as_it_is() -> None:
    graph = pygraphviz.AGraph(string=f"digraph {{ a [label={quote('x</text><script>y')}]; }}")
    assert graph.get_node("a").attr["label"] == "x</text><script>y"
    assert "<script" not in to_svg(graph.to_string())


def test_svg_of_a_real_model(report: Any) -> None:
    picture = to_svg(to_dot(report("vit_tiny")))
    assert picture.lstrip().startswith("<?xml") and "qkv" in picture


def test_text_that_is_no_graph_is_refused() -> None:
    with pytest.raises(ValueError, match="not a graph"):
        to_svg("graph {{{")
