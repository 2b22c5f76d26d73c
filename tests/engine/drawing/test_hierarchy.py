from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geta_engine.drawing.hierarchy import build
from geta_engine.drawing.opening import default_open
from geta_engine.drawing.visible import visible

MODELS = ("mlp", "lenet", "vgg7", "resnet20", "vit_tiny", "mobile_tiny", "dense_tiny")


def node(key: str, op: str, kind: str = "op", scope: str = "") -> dict[str, Any]:
    return {"id": key, "name": key, "label": key, "op": op, "kind": kind, "scope": scope, "detail": "", "n_params": 0}


def edge(source: str, target: str, quantizer: str | None = None) -> dict[str, Any]:
    return {"source": source, "target": target, "quantizer": quantizer}


def test_resnet20_rows_join_layer_norm_and_activation(report: Any) -> None:
    tree = build(report("resnet20")["graph"])
    labels = [row.label for row in tree.rows.values()]
    assert labels.count("conv1 + bn1 + relu") == 10  # the stem and one a block
    assert labels.count("conv2 + bn2") == 9
    assert labels.count("add + relu") == 9
    assert labels.count("shortcut") == 2
    assert len(labels) == 34


def test_resnet20_scopes_are_stages_and_blocks_only(report: Any) -> None:
    scopes = build(report("resnet20")["graph"]).scopes
    assert set(scopes) == {f"layer{i}" for i in (1, 2, 3)} | {f"layer{i}.{j}" for i in (1, 2, 3) for j in range(3)}


@pytest.mark.parametrize("model", MODELS)
def test_every_node_stands_somewhere(report: Any, model: str) -> None:
    graph = report(model)["graph"]
    for show_shape in (False, True):
        tree = build(graph, show_shape)
        drawn = {key for row in tree.rows.values() for key in row.nodes}
        assert set(tree.row_of) == {n["id"] for n in graph["nodes"]}
        assert drawn == {n["id"] for n in graph["nodes"] if show_shape or n["kind"] != "shape"}


def test_hidden_shape_ops_pass_edges_and_their_quantizers() -> None:
    nodes = [node("conv", "conv2d", "layer"), node("flat", "flatten", "shape"), node("fc", "linear", "layer")]
    tree = build({"nodes": nodes, "edges": [edge("conv", "flat"), edge("flat", "fc", "act.flat")]})
    assert [(link.source, link.target, link.quantizers) for link in tree.links] == [("conv", "fc", ("act.flat",))]
    assert tree.row_of["flat"] == "conv"


def chain(scope: str = "a", quantizer: str | None = None) -> dict[str, Any]:
    """x -> relu -> a2 and b2, with relu in `scope` and the quantizer between x and relu."""
    nodes = [node("x", "conv2d", "layer", "a"), node("relu", "relu", scope=scope)]
    nodes += [node("a2", "conv2d", "layer", "a"), node("b2", "conv2d", "layer", "b")]
    return {"nodes": nodes, "edges": [edge("x", "relu", quantizer), edge("relu", "a2"), edge("relu", "b2")]}


def test_an_activation_joins_the_row_before_it() -> None:
    assert build(chain()).rows["x"].nodes == ("x", "relu")


@pytest.mark.parametrize("graph", [chain(quantizer="act.x"), chain(scope="b")], ids=["quantizer", "other module"])
def test_an_activation_stays_apart_when_something_is_between(graph: dict[str, Any]) -> None:
    assert "relu" in build(graph).rows


def test_an_activation_stays_apart_when_its_input_has_another_reader() -> None:
    graph = chain()
    graph["edges"].append(edge("x", "b2"))
    assert "relu" in build(graph).rows


def test_a_module_with_one_thing_in_it_is_no_scope_and_names_its_row() -> None:
    nodes = [node("a", "conv2d", "layer", "block"), node("c", "conv2d", "layer", "block.shortcut")]
    nodes.append(node("bn", "batch_norm", "layer", "block.shortcut"))
    tree = build({"nodes": nodes, "edges": [edge("a", "c"), edge("c", "bn")]})
    assert tree.scopes == ("block",)
    assert tree.rows["c"].label == "shortcut"


@pytest.mark.parametrize("model", [*MODELS, "resnet56"])
def test_first_view_fits_the_budget(report: Any, model: str) -> None:
    graph = report(model)["graph"]
    assert len(visible(graph, build(graph), default_open(graph))["nodes"]) <= 60


def test_first_view_of_a_deep_net_opens_one_block_of_each_make(report: Any) -> None:
    opened = default_open(report("resnet56")["graph"])
    assert {"layer1", "layer2", "layer3", "layer1.0", "layer2.0"} <= opened
    assert "layer1.1" not in opened


def test_first_view_opens_everything_where_there_is_room(report: Any) -> None:
    graph = report("resnet20")["graph"]
    assert default_open(graph) == set(build(graph).scopes)


def test_repeats_are_counted_and_unlike_blocks_named(report: Any) -> None:
    graph = report("resnet56")["graph"]
    nodes = visible(graph, build(graph), frozenset())["nodes"]
    assert nodes["scope:layer1"]["badge"] == "×9"
    assert nodes["scope:layer2"]["badge"] == "9 blocks"


def test_folded_edges_merge_and_keep_their_quantizers(report: Any) -> None:
    graph = report("resnet20")["graph"]
    edges = visible(graph, build(graph), frozenset())["edges"]
    into = next(e for e in edges if e["target"] == "scope:layer2")
    assert into["source"] == "scope:layer1"
    assert into["multiplicity"] == 2  # conv1 and the shortcut of the first block
    assert len(into["quantizers"]) == 1  # of one tensor


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(2, 14))
    scopes = st.sampled_from(["", "a", "a.x", "a.x.p", "a.y", "b", "b.z"])
    kinds = st.sampled_from(["op", "layer", "shape"])
    nodes = [node(f"n{i}", draw(st.sampled_from(["relu", "conv2d"])), draw(kinds), draw(scopes)) for i in range(count)]
    pairs = [(i, j) for j in range(count) for i in range(j)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=24))
    return {"nodes": nodes, "edges": [edge(f"n{i}", f"n{j}") for i, j in sorted(chosen, key=lambda p: p[1])]}


def reach(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    closed = set(pairs)
    while more := {(a, d) for a, b in closed for c, d in closed if b == c} - closed:
        closed |= more
    return closed


@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_hiding_and_joining_keep_what_reaches_what(graph: dict[str, Any]) -> None:
    """A path between two visible nodes in different rows is a path between their rows, and the other way round."""
    tree = build(graph)
    kept = {key for row in tree.rows.values() for key in row.nodes}
    before = reach({(e["source"], e["target"]) for e in graph["edges"]})
    expected = {(tree.row_of[a], tree.row_of[b]) for a, b in before if a in kept and b in kept}
    links = {(tree.row_of[link.source], tree.row_of[link.target]) for link in tree.links}
    assert {pair for pair in reach(links) if pair[0] != pair[1]} == {pair for pair in expected if pair[0] != pair[1]}


@settings(max_examples=150, deadline=None)
@given(graph=graphs(), opened=st.sets(st.sampled_from(["a", "a.x", "a.x.p", "a.y", "b", "b.z"])))
def test_any_opening_shows_every_row_once(graph: dict[str, Any], opened: set[str]) -> None:
    tree = build(graph)
    entries = visible(graph, tree, frozenset(opened))["nodes"].values()
    members = [key for entry in entries for key in entry["members"]]
    assert sorted(members) == sorted(key for row in tree.rows.values() for key in row.nodes)
    assert all(entry["parent"] == "" or entry["parent"] in opened for entry in entries)


def test_an_integer_input_and_what_makes_numbers_of_it_are_drawn() -> None:
    """uint8 images: nothing but helpers lies between the input and the first layer. A mask beside data stays hidden."""
    kinds = {"x": "input", "mask": "input", "div": "helper", "inv": "helper", "conv": "layer", "mul": "op"}
    plain = {"scope": "", "detail": "", "n_params": 0}
    nodes = [{"id": k, "name": k, "label": k, "op": k, "kind": kind, **plain} for k, kind in kinds.items()]
    pairs = [("x", "div"), ("mask", "inv"), ("div", "conv"), ("conv", "mul"), ("inv", "mul")]
    edges = [{"source": a, "target": b, "quantizer": "act.div" if a == "div" else None} for a, b in pairs]
    tree = build({"nodes": nodes, "edges": edges})
    assert set(tree.rows) == {"x", "div", "conv", "mul"}
    assert [(link.source, link.target, link.quantizers) for link in tree.links] == [
        ("x", "div", ()),
        ("div", "conv", ("act.div",)),
        ("conv", "mul", ()),
    ]
