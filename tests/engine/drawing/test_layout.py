from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from math import isfinite
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.drawing.boxes import HEAD
from geta_engine.drawing.columns import wrap_level
from geta_engine.drawing.hierarchy import build
from geta_engine.drawing.layers import DOT_LIMIT, Level, place_level, ranks
from geta_engine.drawing.layout import layout_graph
from geta_engine.drawing.opening import default_open

MODELS = ("lenet", "vgg7", "resnet20", "resnet56", "vit_tiny", "mobile_tiny", "dense_tiny")
DrawnBox = Mapping[str, Any]
OP = {"op": "mul", "kind": "op", "detail": "", "n_params": 0}


def sides(box: DrawnBox) -> tuple[float, float, float, float]:
    return box["x"] - box["w"] / 2, box["x"] + box["w"] / 2, box["y"] - box["h"] / 2, box["y"] + box["h"] / 2


def apart(one: DrawnBox, two: DrawnBox) -> bool:
    left, right, top, bottom = sides(one)
    left2, right2, top2, bottom2 = sides(two)
    return right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top


def openings(graph: dict[str, Any]) -> Iterator[frozenset[str]]:
    scopes = build(graph).scopes
    yield frozenset()
    yield default_open(graph)
    yield frozenset(scopes)
    yield frozenset(scope for scope in scopes if "." not in scope)


def layouts(report: Any, model: str) -> Iterator[dict[str, Any]]:
    graph = report(model)["graph"]
    for opened in openings(graph):
        for show_shape in (False, True):
            yield layout_graph(graph, opened, show_shape)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_overlaps(report: Any, model: str) -> None:
    for layout in layouts(report, model):
        for one, two in combinations(layout["nodes"], 2):
            assert apart(one, two), (one["id"], two["id"])


@pytest.mark.parametrize("model", MODELS)
def test_children_lie_inside_their_box_below_its_title(report: Any, model: str) -> None:
    for layout in layouts(report, model):
        boxes = {box["id"].removeprefix("scope:"): box for box in layout["boxes"]}
        for child in [*layout["nodes"], *layout["boxes"]]:
            if not child["parent"]:
                continue
            left, right, top, bottom = sides(child)
            box_left, box_right, box_top, box_bottom = sides(boxes[child["parent"]])
            assert box_left < left and right < box_right
            assert box_top + HEAD - 1 <= top and bottom < box_bottom


@pytest.mark.parametrize("model", MODELS)
def test_edges_leave_the_bottom_and_enter_the_top(report: Any, model: str) -> None:
    for layout in layouts(report, model):
        nodes = {node["id"]: node for node in layout["nodes"]}
        for edge in layout["edges"]:
            source, target = nodes[edge["source"]], nodes[edge["target"]]
            (x0, y0), (x1, y1) = edge["points"][0], edge["points"][-1]
            assert y0 == pytest.approx(source["y"] + source["h"] / 2, abs=0.2)
            assert y1 == pytest.approx(target["y"] - target["h"] / 2, abs=0.2)
            assert abs(x0 - source["x"]) <= source["w"] / 2 and abs(x1 - target["x"]) <= target["w"] / 2


@pytest.mark.parametrize("model", MODELS)
def test_edges_keep_clear_of_other_nodes(report: Any, model: str) -> None:
    graph = report(model)["graph"]
    layout = layout_graph(graph, default_open(graph))
    for edge in layout["edges"]:
        others = [n for n in layout["nodes"] if n["id"] not in (edge["source"], edge["target"])]
        for x, y in curve(edge["points"]):
            hit = [n["id"] for n in others if abs(x - n["x"]) < n["w"] / 2 - 2 and abs(y - n["y"]) < n["h"] / 2 - 2]
            assert not hit, (edge["source"], edge["target"], hit)


def curve(points: Sequence[Sequence[float]], steps: int = 8) -> Iterator[tuple[float, float]]:
    """Places on the quadratic B-spline that the browser draws through control points."""
    if len(points) == 2:
        yield from (_between(points[0], points[1], k / steps) for k in range(steps + 1))
        return
    middles = [_between(a, b, 0.5) for a, b in pairwise(points[1:-1])]
    ends = [points[0], *middles, points[-1]]
    for start, control, end in zip(ends[:-1], points[1:-1], ends[1:], strict=True):
        for k in range(steps + 1):
            t = k / steps
            yield _between(_between(start, control, t), _between(control, end, t), t)


def _between(a: Sequence[float], b: Sequence[float], t: float) -> tuple[float, float]:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


@pytest.mark.parametrize("model", MODELS)
def test_a_pill_sits_above_the_reader_of_each_quantized_edge(report: Any, model: str) -> None:
    graph = report(model)["graph"]
    layout = layout_graph(graph, default_open(graph))
    nodes = {node["id"]: node for node in layout["nodes"]}
    marked = [edge for edge in layout["edges"] if edge["quantizers"]]
    assert marked
    for edge in layout["edges"]:
        assert (edge["pill"] is not None) == bool(edge["quantizers"])
    for edge in marked:
        target = nodes[edge["target"]]
        assert 12 <= target["y"] - target["h"] / 2 - edge["pill"][1] <= 40  # its own half is 9


def test_resnet20_shows_all_its_activation_quantizers(report: Any) -> None:
    analysis = report("resnet20")
    layout = layout_graph(analysis["graph"], default_open(analysis["graph"]))
    drawn = {quantizer for edge in layout["edges"] for quantizer in edge["quantizers"]}
    assert drawn == {q["id"] for q in analysis["quantizers"] if q["kind"] == "activation"}


def test_every_node_of_the_model_has_a_host_on_screen(report: Any) -> None:
    graph = report("vit_tiny")["graph"]
    for opened in openings(graph):
        layout = layout_graph(graph, opened)
        assert set(layout["hosts"]) == {node["id"] for node in graph["nodes"]}
        assert set(layout["hosts"].values()) <= {node["id"] for node in layout["nodes"]}


def test_plain_data_and_the_same_each_time(report: Any) -> None:
    graph = report("dense_tiny")["graph"]
    first, second = (layout_graph(graph, default_open(graph)) for _ in range(2))
    assert json.loads(json.dumps(first)) == first
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_unknown_scopes_are_ignored(report: Any) -> None:
    graph = report("lenet")["graph"]
    assert layout_graph(graph, frozenset({"nowhere"}))["nodes"] == layout_graph(graph, frozenset())["nodes"]


def chain(length: int) -> dict[str, Any]:
    nodes = [{**OP, "id": f"n{i}", "name": f"n{i}", "label": f"n{i}", "scope": ""} for i in range(length)]
    edges = [{"source": f"n{i}", "target": f"n{i + 1}", "quantizer": None} for i in range(length - 1)]
    return {"nodes": nodes, "edges": edges}


class Again(nn.Module):
    """One block that is called before each of several layers: edges lead back up to it."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
        self.after = nn.ModuleList(nn.Linear(8, 8) for _ in range(times))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.after:
            x = torch.tanh(layer(self.block(x))) + x
        return x


@pytest.mark.parametrize("times", (2, 3, 9))
@pytest.mark.parametrize("opened", (False, True))
def test_edges_back_to_a_module_that_is_called_again(times: int, opened: bool) -> None:
    graph = analysis_report(ge.trace(Again(times), (torch.zeros(2, 8),)), activations=True)["graph"]
    layout = layout_graph(graph, default_open(graph) if opened else frozenset())
    boxes = {node["id"]: sides(node) for node in layout["nodes"]}
    back = [edge for edge in layout["edges"] if edge["points"][-1][1] < edge["points"][0][1]]
    assert len(back) >= times - 1
    for edge in back:
        (x0, y0), (_, y1) = edge["points"][0], edge["points"][-1]
        assert (x0, y0) == pytest.approx((sum(boxes[edge["source"]][:2]) / 2, boxes[edge["source"]][3]), abs=30)
        assert y1 == pytest.approx(boxes[edge["target"]][2], abs=0.2)
        for x, y in curve(edge["points"]):
            assert 0 <= x <= layout["width"] and -1 <= y <= layout["height"]
            hit = [
                key
                for key, (left, right, top, low) in boxes.items()
                if left + 2 < x < right - 2 and top + 2 < y < low - 2
            ]
            assert not hit, (edge["id"], hit)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 29), st.integers(0, 29)).filter(lambda p: p[0] != p[1]), unique=True, max_size=40
    ),
    st.booleans(),
)
def test_any_graph_is_laid_out_cycles_too(pairs: list[tuple[int, int]], chained: bool) -> None:
    chain = [(i, i + 1) for i in range(29)] if chained else []
    level = Level(((178.0, 42.0),) * 30, tuple(dict.fromkeys([*chain, *pairs])))
    wrapped = wrap_level(place_level(level), level.sizes, 560.0)
    for points in wrapped.points:
        assert all(isfinite(x) and isfinite(y) for x, y in points)
        assert max(x for x, _ in points) <= wrapped.width + 1


def test_a_deep_chain_is_wrapped_into_columns() -> None:
    layout = layout_graph(chain(200), frozenset())
    assert 0.8 < layout["width"] / layout["height"] < 3.5
    assert layout["nodes"][0]["y"] < 60 and layout["nodes"][0]["x"] < 200


def test_a_flat_graph_beyond_dots_reach_is_laid_out_in_seconds() -> None:
    started = time.perf_counter()
    layout = layout_graph(chain(2 * DOT_LIMIT), frozenset())
    assert time.perf_counter() - started < 10
    assert len(layout["nodes"]) == 2 * DOT_LIMIT


def test_an_empty_graph() -> None:
    layout = layout_graph({"nodes": [], "edges": []}, frozenset())
    assert layout["nodes"] == [] and layout["width"] == 0


def test_ranks_are_longest_paths() -> None:
    assert ranks(4, [(0, 1), (1, 2), (0, 3), (2, 3)]) == [0, 1, 2, 3]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] < p[1]), unique=True))
def test_ports_are_above_and_below_everything(pairs: list[tuple[int, int]]) -> None:
    level = Level(((60.0, 20.0),) * 10 + ((2.0, 0.0),) * 2, (*pairs, (10, 0), (9, 11)), (10,), (11,))
    centres = place_level(level).centres
    assert all(centres[10][1] < y - 10 and y + 10 < centres[11][1] for _, y in centres[:10])
