"""How far things move when a module is opened or closed: the layout on screen is kept as far as it can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from random import Random
from statistics import median
from typing import Any

import pytest

from geta_engine.analysis.report import analysis_report
from geta_engine.drawing.layout import layout_graph
from geta_engine.drawing.opening import default_open, scopes_inside
from geta_engine.trace import load
from tools.shaped_models import SHAPED, spec_of

LARGE = tuple(pytest.param(model, marks=pytest.mark.slow) for model in SHAPED)
MODELS = ("resnet20", "resnet56", "vit_tiny", "mobile_tiny", "dense_tiny", *LARGE)
Layout = Mapping[str, Any]
Scopes = frozenset[str]


@pytest.fixture(scope="module")
def graph_of(report: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """graph_of("bert-base") is the graph of its analysis."""
    shaped: dict[str, Any] = {}

    def graph(model: str) -> dict[str, Any]:
        if model not in SHAPED:
            return report(model)["graph"]
        if model not in shaped:
            spec = spec_of(model, tmp_path_factory.mktemp("shaped"))
            shaped[model] = analysis_report(load(spec, meta=True), activations=True)["graph"]
        return shaped[model]

    return graph


def things(layout: Layout) -> dict[str, Any]:
    return {entry["id"]: entry for entry in (*layout["nodes"], *layout["boxes"])}


def toggled(graph: dict[str, Any], opened: Scopes, scope: str) -> Scopes:
    return opened - scopes_inside(graph, scope) - {scope} if scope in opened else opened | {scope}


def togglable(layout: Layout) -> list[str]:
    return [key.removeprefix("scope:") for key in things(layout) if key.startswith("scope:")]


def moved(before: Layout, after: Layout, scope: str) -> Iterator[tuple[str, float, float]]:
    """Rows that stay and move by more than their own size, and how far beyond that in px across and down, seen from the
    line that the toggled scope is on: what is beside it may be pushed by its growth, and what is below its top too."""
    old, new = things(before), things(after)
    one, two = old[f"scope:{scope}"], new[f"scope:{scope}"]
    wider, higher = abs(two["w"] - one["w"]), abs(two["h"] - one["h"])
    rows = {node["id"] for node in before["nodes"]} & {node["id"] for node in after["nodes"]}
    entries, box = (old, one) if one["w"] > two["w"] else (new, two)
    in_line = [row for row in rows if abs(entries[row]["x"] - box["x"]) < box["w"] / 2]
    line = median([new[row]["x"] - old[row]["x"] for row in in_line] or [two["x"] - one["x"]])
    rise = two["y"] - two["h"] / 2 - (one["y"] - one["h"] / 2)
    for row in rows:
        is_beside = abs(old[row]["x"] - one["x"]) > one["w"] / 2
        is_below = old[row]["y"] + old[row]["h"] / 2 > one["y"] - one["h"] / 2
        across = abs(new[row]["x"] - old[row]["x"] - line) - old[row]["w"] - wider * is_beside
        down = abs(new[row]["y"] - old[row]["y"] - rise) - old[row]["h"] - higher * is_below
        if max(across, down) > 0.5:
            yield row, across, down


def apart(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    return abs(one["x"] - two["x"]) >= (one["w"] + two["w"]) / 2 or abs(one["y"] - two["y"]) >= (
        (one["h"] + two["h"]) / 2
    )


@pytest.mark.parametrize("model", MODELS)
def test_toggling_one_module_moves_nothing_else_far(graph_of: Any, model: str) -> None:
    graph = graph_of(model)
    opened = default_open(graph)
    first = layout_graph(graph, opened)
    for scope in togglable(first):
        after = layout_graph(graph, toggled(graph, opened, scope), columns=first["columns"])
        assert list(moved(first, after, scope)) == [], scope
        assert all(apart(one, two) for one, two in combinations(after["nodes"], 2)), scope


@pytest.mark.slow
def test_without_the_columns_on_screen_much_would_move(graph_of: Any) -> None:
    graph = graph_of("bert-base")
    opened, scope = default_open(graph), "bert.encoder.layer.0.attention.self"
    assert list(moved(layout_graph(graph, opened), layout_graph(graph, toggled(graph, opened, scope)), scope))


@pytest.mark.parametrize("model", MODELS)
def test_opening_and_closing_leads_back(graph_of: Any, model: str) -> None:
    graph = graph_of(model)
    opened = default_open(graph)
    first = layout_graph(graph, opened)
    for scope in togglable(first):
        if scope not in opened:
            between = layout_graph(graph, opened | {scope}, columns=first["columns"])
            back = layout_graph(graph, opened, columns=between["columns"])
            assert things(back) == things(first), scope


@pytest.mark.parametrize("model", ("resnet56", *LARGE))
def test_a_walk_moves_things_far_only_where_columns_are_made_anew(graph_of: Any, model: str) -> None:
    graph, random = graph_of(model), Random(5)
    opened = default_open(graph)
    layout = layout_graph(graph, opened)
    steps_in_columns = 0
    for _ in range(25):
        scope = random.choice(togglable(layout))
        opened = toggled(graph, opened, scope)
        after = layout_graph(graph, opened, columns=layout["columns"])
        if all(layout["columns"].get(level, columns) == columns for level, columns in after["columns"].items()):
            steps_in_columns += 1
            assert list(moved(layout, after, scope)) == [], scope
        layout = after
    assert steps_in_columns >= 20


def test_columns_are_made_anew_before_they_are_useless() -> None:
    op = {"op": "mul", "kind": "op", "detail": "", "n_params": 0}
    nodes = [
        {**op, "id": f"n{i}", "name": f"n{i}", "label": f"n{i}", "scope": scope}
        for i, scope in enumerate(["", "block", *["block"] * 60, ""])
    ]
    edges = [{"source": f"n{i}", "target": f"n{i + 1}", "quantizer": None} for i in range(len(nodes) - 1)]
    graph = {"nodes": nodes, "edges": edges}
    closed = layout_graph(graph, frozenset())
    opened = layout_graph(graph, frozenset({"block"}), columns=closed["columns"])
    assert opened["height"] < 2.5 * opened["width"]


def test_columns_of_another_graph_do_not_count(graph_of: Any) -> None:
    graph = graph_of("resnet20")
    opened = default_open(graph)
    columns = layout_graph(graph_of("resnet56"), frozenset())["columns"]
    assert things(layout_graph(graph, opened, columns=columns)) == things(layout_graph(graph, opened))
