from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from dash import no_update

from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.drawing.hierarchy import build
from geta_engine.drawing.layout import layout_graph
from geta_engine.drawing.opening import default_open
from geta_engine.drawing.repeats import is_fold
from geta_studio.graph import callbacks, ids
from geta_studio.graph.accessible_list import tree
from geta_studio.graph.legend import legend
from geta_studio.graph.live_values import live_values, matches
from geta_studio.graph.panel import graph_panel, stage_options
from geta_studio.graph.plan import View, apply, at_stage
from geta_studio.services.layouts import Layouts
from geta_studio.shell import ids as shared
from tests.coroutines import run_to_end

PLAIN = View("groups", False)


class Studio:
    """The parts of `Services` that the graph asks for, over one analysis."""

    def __init__(
        self, analysis: dict[str, Any], layouts: Layouts, frames: dict[str, SnapshotEvent] | None = None
    ) -> None:
        self.models, self.layouts, self.frames = {"resnet20": analysis}, layouts, frames or {}
        self.analyses = self.runs = self

    def get(self, key: str | None) -> dict[str, Any] | None:
        return self.models.get(key or "")

    def source_run(self, key: str | None) -> None:
        return None

    def has_run(self, run_id: int | None) -> bool:
        return run_id == 7

    def snapshot(self, run_id: int, kind: str) -> SnapshotEvent | None:
        return self.frames.get(kind)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layouts]:
    made = Layouts(tmp_path_factory.mktemp("layouts"))
    yield made
    made.close()


@pytest.fixture
def studio(report: Any, layouts: Layouts) -> Any:
    return Studio(report("resnet20"), layouts)


def drawing(
    studio: Any, key: str | None, command: Mapping[str, Any] | None, view: View, drawn: Mapping[str, Any] | None
) -> Any:
    return run_to_end(callbacks.drawing(studio, key, command, view, drawn))


def accessible_list(studio: Any, drawn: Mapping[str, Any] | None) -> Any:
    return run_to_end(callbacks.accessible_list(studio, drawn))


def words(part: Any) -> list[str]:
    """The texts of plain elements (`html_tree.plain`)."""
    return [part] if isinstance(part, str) else [word for child in part[2:] for word in words(child)]


def buttons(parts: list[Any], name: str) -> list[Any]:
    """The elements of a class, of a list of them."""
    elements = [part for part in parts if not isinstance(part, str)]
    return [
        actual
        for part in elements
        for actual in [*([part] if part[1].get("class") == name else []), *buttons(part[2:], name)]
    ]


def rows(elements: list[dict[str, Any]]) -> set[str]:
    return {e["data"]["id"] for e in elements if "row" in e["classes"].split()}


def test_a_model_that_is_not_analysed_leaves_the_screen_alone(studio: Any) -> None:
    assert drawing(studio, "other", None, PLAIN, None) == (no_update,) * 3
    assert drawing(studio, None, None, PLAIN, None) == (no_update,) * 3


def test_first_drawing_then_fold_then_open_one(studio: Any) -> None:
    made, on_screen, opened = drawing(studio, "resnet20", None, PLAIN, None)
    assert (
        len(rows(made)) == 34
        and on_screen["model"] == "resnet20"
        and len(buttons(on_screen["legend"], "legend-group")) == 13
    )
    made, on_screen, opened = drawing(studio, "resnet20", {"action": "fold"}, PLAIN, opened)
    assert len(rows(made)) == 8 and opened["scopes"] == [] and on_screen["legend"] is None
    made, on_screen, opened = drawing(studio, "resnet20", {"action": "toggle", "scope": "layer2"}, PLAIN, opened)
    assert {"scope:layer2.0", "scope:layer1"} <= rows(made) and on_screen["anchor"] == "scope:layer2"


def test_an_opened_module_stays_in_the_columns_on_screen_and_all_modules_do_not(studio: Any) -> None:
    first = drawing(studio, "resnet20", None, PLAIN, None)[2]
    closed = drawing(studio, "resnet20", {"action": "toggle", "scope": "layer1"}, PLAIN, first)[2]
    again = drawing(studio, "resnet20", {"action": "toggle", "scope": "layer1"}, PLAIN, closed)[2]
    columns = [studio.layouts.cached(opened["layout"])["columns"][""] for opened in (first, closed, again)]
    assert columns[0] == columns[1] == columns[2] and max(columns[0].values()) > 0
    branches = drawing(studio, "resnet20", None, View("branches", False), again)[2]
    back = drawing(studio, "resnet20", None, PLAIN, {**branches, "scopes": first["scopes"]})[2]
    assert back == first
    folded = drawing(studio, "resnet20", {"action": "fold"}, PLAIN, first)[2]
    assert studio.layouts.cached(folded["layout"])["columns"][""] != columns[0]


@pytest.mark.parametrize("key", [None, "0" * 64, "../../etc/passwd", ""])
def test_the_list_tells_what_is_drawn_kept_or_not(studio: Any, key: str | None) -> None:
    opened = drawing(studio, "resnet20", None, PLAIN, None)[2]
    actual = buttons(accessible_list(studio, opened if key is None else {**opened, "layout": key}), "tree-item")
    assert {button[1]["data-shown"] for button in actual} > {"conv2d", "scope:layer1", "linear"}


def test_another_model_starts_with_its_own_first_view(studio: Any, report: Any) -> None:
    studio.models["mlp"] = report("mlp")
    _, on_screen, opened = drawing(studio, "mlp", {"action": "fold"}, PLAIN, {"model": "resnet20"})
    assert opened["model"] == "mlp" and on_screen["legend"]


def test_shape_ops_are_shown_on_request(studio: Any) -> None:
    hidden, on_screen = (
        rows(drawing(studio, "resnet20", None, View("groups", shape), None)[0]) for shape in (False, True)
    )
    assert on_screen - hidden == {"flatten"}


def test_a_stage_that_differs_in_colours_alone_is_not_drawn_anew(studio: Any) -> None:
    opened = drawing(studio, "resnet20", None, PLAIN, None)[2]
    assert drawing(studio, "resnet20", None, View("compact", False), opened) == (no_update,) * 3
    made, _, traced, *_ = drawing(studio, "resnet20", None, View("trace", False), opened)
    assert made is not no_update and traced["graph"] == "trace"


def test_branches_are_outlined_by_kind_and_lead_to_their_quantizers(studio: Any) -> None:
    opened = drawing(studio, "resnet20", {"action": "all"}, PLAIN, None)[2]
    made, *_ = drawing(studio, "resnet20", {"action": "all"}, View("branches", False), {**opened, "graph": "groups"})
    boxes = [e for e in made if "box" in e["classes"] and "branch" in e["classes"]]
    kinds = [next(k for k in ("attached", "inserted") if k in e["classes"].split()) for e in boxes]
    quantizers = studio.get("resnet20")["quantizers"]
    counted = [sum(q["kind"] == kind for q in quantizers) for kind in ("weight", "activation")]
    assert [kinds.count("attached"), kinds.count("inserted")] == counted
    inside = {e["data"]["quantizer"] for e in made if e["data"].get("quantizer")}
    assert inside == {q["id"] for q in quantizers}


def test_closing_a_module_closes_what_is_in_it(report: Any) -> None:
    graph = report("resnet20")["graph"]
    opened = apply(graph, frozenset({"layer1", "layer1.0", "layer2"}), {"action": "toggle", "scope": "layer1"})
    assert opened.scopes == {"layer2"}


def test_closing_a_fold_closes_its_modules_and_closing_one_of_them_keeps_it_open(report: Any) -> None:
    graph = report("resnet56")["graph"]
    opened = frozenset({"layer1", "layer1.1..8", "layer1.1", "layer1.2"})
    assert set(opened) <= set(build(graph).scopes)
    assert apply(graph, opened, {"action": "toggle", "scope": "layer1.1..8"}).scopes == {"layer1"}
    assert apply(graph, opened, {"action": "toggle", "scope": "layer1.1"}).scopes == opened - {"layer1.1"}
    assert apply(graph, opened, {"action": "toggle", "scope": "layer1"}).scopes == frozenset()


def test_a_fold_and_what_is_in_it_are_listed_one_within_the_other(report: Any) -> None:
    analysis = report("resnet56")
    actual = tree(layout_graph(analysis["graph"], frozenset({"layer1", "layer1.1..8", "layer1.1"})), analysis)
    titles = [words(button)[0].split(",")[0] for button in buttons(actual, "tree-item")]
    at = titles.index("layer1.1–8")
    assert titles[at - 1 : at + 2] == ["layer1.0", "layer1.1–8", "layer1.1"]


def test_revealing_a_node_opens_the_modules_around_it(report: Any) -> None:
    opened = apply(report("resnet20")["graph"], frozenset(), {"action": "reveal", "node": "conv2d_9"})
    assert {"layer2", "layer2.0"} <= opened.scopes and opened.focus == "conv2d_9"


def test_a_command_for_something_that_is_not_there_changes_nothing(report: Any) -> None:
    graph = report("resnet20")["graph"]
    assert apply(graph, frozenset({"layer1"}), {"action": "reveal", "node": "gone"}).scopes == {"layer1"}
    assert apply(graph, frozenset({"layer1"}), {"action": "unknown"}).scopes == {"layer1"}


def test_live_state_comes_from_the_newest_frames(report: Any, layouts: Layouts) -> None:
    analysis = report("resnet20")
    units = np.zeros((448, 2), np.float32)
    units[:4, 1] = 2
    bits = np.full((len(analysis["quantizers"]), 4), 6, np.float32)
    frames = {"units": SnapshotEvent(3, "units", units), "quantizers": SnapshotEvent(3, "quantizers", bits)}
    state = live_values(Studio(analysis, layouts, frames), 7, "resnet20")  # type: ignore[arg-type]
    assert state is not None
    assert state["groups"]["1"][:3] == [12, 0, 4] and set(state["bits"].values()) == {6}


@pytest.mark.parametrize(("run_id", "key"), [(None, "resnet20"), (8, "resnet20"), (7, "other")])
def test_no_run_or_no_model_no_state(studio: Any, run_id: int | None, key: str) -> None:
    assert live_values(studio, run_id, key) is None


def test_the_accessible_list_lists_what_is_on_screen_in_program_order(report: Any) -> None:
    analysis = report("resnet20")
    layout = layout_graph(analysis["graph"], frozenset({"layer2"}))
    actual = buttons(tree(layout, analysis), "tree-item")
    titles = [words(button)[0].split(",")[0] for button in actual]
    assert titles[:4] == ["input x", "conv1 + bn1 + relu", "layer1", "layer2"]
    assert titles[4:7] == ["layer2.0", "layer2.1", "layer2.2"]
    state = {button[1].get("data-id"): button[1].get("aria-expanded") for button in actual}
    assert state["layer2"] == "true" and state["layer1"] == "false" and state["linear"] is None


def titles_below(tree_item: Any) -> list[str]:
    return [words(button)[0].split(",")[0] for button in buttons([tree_item], "tree-item")]


def test_a_module_opened_inside_a_fold_is_listed_within_it(report: Any) -> None:
    graph = report("resnet56")["graph"]
    fold = next(scope for scope in layout_graph(graph, frozenset({"layer1"}))["scopes"] if is_fold(scope))
    layout = layout_graph(graph, frozenset({"layer1", fold, "layer1.3"}))
    top = tree(layout, report("resnet56"))[1]
    entries = {words(li)[0].split(",")[0]: li for li in items_of(top)}
    inner = next(li for li in items_of(entries["layer1"][3]) if len(li) > 3)
    assert {"layer1.2", "layer1.3"} <= set(titles_below(inner[3]))
    assert "layer1.3" not in entries


def items_of(listed: Any) -> list[Any]:
    return list(listed[2:])


def test_the_accessible_list_leads_from_branches_and_their_ops_to_quantizers(studio: Any) -> None:
    analysis = at_stage(studio.get("resnet20"), "branches")
    closed = layout_graph(analysis["graph"], frozenset({"layer1", "layer1.0"}))
    opened = layout_graph(analysis["graph"], frozenset(closed["scopes"]))
    for layout in (closed, opened):
        actual = {button[1].get("data-id"): button[1] for button in buttons(tree(layout, analysis), "tree-item")}
        assert actual["layer1.0.conv1.weight"]["data-kind"] == "quantizer"
    drawn = {node["id"] for node in studio.get("resnet20")["graph"]["nodes"]}
    selected = [button[1] for button in buttons(tree(opened, analysis), "tree-item")]
    assert all(props["data-id"] in drawn for props in selected if props.get("data-kind") == "node")


def test_a_closed_branch_is_its_quantizers_and_a_closed_module_is_not(studio: Any) -> None:
    opened = {"model": "resnet20", "graph": "branches", "scopes": ["layer1", "layer1.0"], "shape": False}
    made, *_ = drawing(studio, "resnet20", {"action": "unknown"}, View("branches", False), opened)
    quantizer = {e["data"]["id"]: e["data"].get("quantizer") for e in made}
    assert quantizer["scope:layer1.0.attached · conv1"] == "layer1.0.conv1.weight"
    assert quantizer["scope:layer2"] is None


def test_matches_follow_the_bounds(report: Any) -> None:
    analysis = report("resnet20")
    bits = {"model": "resnet20", "default": [4, 8], "layers": {}}
    assert len(matches(analysis, "bits>=8", None, bits)["nodes"]) == 22
    assert matches(analysis, "bits>=8", None, {**bits, "default": [4, 6]})["nodes"] == []
    assert matches(None, "conv", None, bits) == {"query": "conv", "nodes": []}


def test_the_accessible_list_is_bounded(report: Any) -> None:
    analysis = report("resnet56")
    layout = layout_graph(analysis["graph"], default_open(analysis["graph"], 10_000))
    assert len(buttons(tree(layout, analysis), "tree-item")) <= 400


def test_the_legend_has_every_group_with_its_size_and_reason(report: Any) -> None:
    analysis = report("resnet20")
    actual = buttons(legend(analysis), "legend-group")
    assert len(actual) == len(analysis["groups"])
    unprunable = [g for g in analysis["groups"] if not g["prunable"]]
    assert all(any(g["reason"] in button[1]["title"] for button in actual) for g in unprunable)


def test_compact_is_offered_when_there_is_a_compact_model() -> None:
    assert [option["value"] for option in stage_options(False)] == ["trace", "branches", "qadg", "groups"]
    assert [option["value"] for option in stage_options(True)] == ["trace", "branches", "qadg", "groups", "compact"]


def test_the_panel_has_the_ids_that_do_not_move() -> None:
    text = str(graph_panel().to_plotly_json())
    for name in (
        ids.GRAPH,
        ids.GRAPH_SEARCH,
        shared.GRAPH_STAGE,
        shared.GRAPH_OVERLAY,
        ids.GRAPH_LEGEND,
        ids.GRAPH_TREE,
    ):
        assert f"'{name}'" in text
