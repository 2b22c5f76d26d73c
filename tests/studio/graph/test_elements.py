from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from geta_engine.drawing.layout import layout_graph
from geta_engine.drawing.opening import default_open
from geta_studio.graph.elements import control_points, diamond_place, elements
from geta_studio.graph.scene import scene_of
from geta_studio.graph.stylesheet import stylesheet


def drawn(analysis: dict[str, Any], opened: frozenset[str] | None = None) -> dict[str, dict[str, Any]]:
    scopes = default_open(analysis["graph"]) if opened is None else opened
    return {e["data"]["id"]: e for e in elements(analysis, layout_graph(analysis["graph"], scopes))}


def with_class(actual: dict[str, dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [element for element in actual.values() if name in element["classes"].split()]


def test_resnet20_has_a_diamond_a_layer_and_a_pill_a_quantized_edge(report: Any) -> None:
    analysis = report("resnet20")
    actual = drawn(analysis)
    weights = [q["id"] for q in analysis["quantizers"] if q["kind"] == "weight"]
    assert sorted(q for e in with_class(actual, "diamond") for q in e["data"]["quantizers"]) == sorted(weights)
    assert len(with_class(actual, "row")) == 34
    assert len(with_class(actual, "pill")) == sum(1 for e in actual.values() if "pill" in e["classes"])
    assert len(with_class(actual, "pill")) >= 21


def test_ids_are_unique_and_edges_join_rows(report: Any) -> None:
    analysis = report("vit_tiny")
    layout = layout_graph(analysis["graph"], default_open(analysis["graph"]))
    made = elements(analysis, layout)
    counts = Counter(e["data"]["id"] for e in made)
    assert max(counts.values()) == 1
    rows = {e["data"]["id"] for e in made if "row" in e["classes"].split()}
    assert all(e["data"]["source"] in rows and e["data"]["target"] in rows for e in made if "source" in e["data"])


def test_what_cannot_be_pruned_is_grey_and_says_why(report: Any) -> None:
    actual = drawn(report("resnet20"))
    assert "grey" in actual["linear"]["classes"].split()
    assert any("cannot be pruned: output" in line for line in actual["linear"]["data"]["tip"])
    assert "grey" not in actual["conv2d"]["classes"].split()


def test_a_folded_module_stands_for_all_it_holds(report: Any) -> None:
    analysis = report("resnet20")
    actual = drawn(analysis, frozenset())
    layer1 = actual["scope:layer1"]["data"]
    assert len(layer1["weights"]) == 6
    assert layer1["params"] == sum(n["n_params"] for n in analysis["graph"]["nodes"] if n["scope"].startswith("layer1"))
    assert len(layer1["outputs"]) == 4  # the residual group and one inside each block
    assert actual["scope:layer1|toggle"]["data"]["scope"] == "layer1"
    assert actual["scope:layer1|stack"]["position"]["x"] > actual["scope:layer1"]["position"]["x"]


def test_layer_rows_carry_their_macs(report: Any) -> None:
    analysis = report("lenet")
    rows = with_class(drawn(analysis), "row")
    assert sum(row["data"]["macs"] for row in rows) == analysis["model"]["macs"]


def test_control_points_are_shares_of_the_way_and_distances() -> None:
    assert control_points([(0, 0), (5, 5), (10, 0)]) == ("0.5000", "5.0")
    weights, distances = control_points([(0, 0), (0, 40), (30, 60), (30, 100)])
    for text, (x, y) in zip(zip(weights.split(), distances.split(), strict=True), [(0, 40), (30, 60)], strict=True):
        share, off = float(text[0]), float(text[1])
        length = (30**2 + 100**2) ** 0.5
        assert share * 30 - off * 100 / length == pytest.approx(x, abs=0.1)
        assert share * 100 + off * 30 / length == pytest.approx(y, abs=0.1)


def test_the_scene_says_what_stands_for_each_node(report: Any) -> None:
    analysis = report("resnet20")
    layout = layout_graph(analysis["graph"], frozenset())
    made = scene_of("resnet20", analysis, layout)
    assert made["hosts"]["batch_norm"] == "conv2d"
    assert set(made["hosts"].values()) <= {node["id"] for node in layout["nodes"]}
    assert json.loads(json.dumps(made)) == made


@pytest.mark.parametrize("stage", ["qadg", "groups", "compact"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_class_and_every_mapped_value_is_there(report: Any, scheme: Any, stage: str) -> None:
    """`data(x)` in a rule needs x on every element that the rule's class selects."""
    analysis = report("resnet20")
    actual = drawn(analysis, default_open(analysis["graph"]) - {"layer3.2"})
    live = {"fill", "ink", "cut"}  # written by the browser
    for rule in stylesheet(scheme, stage):
        mapped = {v[5:-1] for v in rule["style"].values() if isinstance(v, str) and v.startswith("data(")} - live
        if not rule["selector"].startswith(".") or not mapped:
            continue
        for element in with_class(actual, rule["selector"].split("[")[0].split(",")[0].split(".")[1]):
            needed = set(rule["selector"].split("[")[0].strip(".").split("."))
            if needed <= set(element["classes"].split()):
                assert mapped <= set(element["data"]), (rule["selector"], element["data"]["id"])


def test_stages_differ_in_colour_only(report: Any) -> None:
    grouped, plain = stylesheet("light", "groups"), stylesheet("light", "qadg")
    assert any(rule["selector"] == ".row.slot0" for rule in grouped)
    assert not any(rule["selector"] == ".row.slot0" for rule in plain)


@pytest.mark.parametrize("model", ["resnet20", "vit_tiny", "mobile_tiny", "dense_tiny", "vgg7"])
def test_no_mark_lies_on_another(report: Any, model: str) -> None:
    """Diamonds of 40 x 27 and pills of 34 x 18 keep apart, whatever is open."""
    analysis = report(model)
    for budget in (20, 60, 1200):
        actual = drawn(analysis, default_open(analysis["graph"], budget))
        diamonds = [e["position"] for e in with_class(actual, "diamond")]
        pills = [e["position"] for e in with_class(actual, "pill")]
        crossing = [(d, p) for d in diamonds for p in pills if abs(d["x"] - p["x"]) < 36 and abs(d["y"] - p["y"]) < 20]
        assert diamonds and crossing == []


def test_a_diamond_gives_way_to_pills() -> None:
    """Three rows side by side, as in attention: a pill on the middle one and at either corner of it."""
    row = {"x": 100.0, "y": 100.0, "w": 164.0, "h": 42.0}
    assert diamond_place(row, []) == (176.0, 74.0)
    assert diamond_place(row, [(192.0, 65.0)]) == (16.0, 74.0)
    pills = [(8.0, 65.0), (100.0, 65.0), (192.0, 65.0)]
    x, _ = diamond_place(row, pills)
    assert min(abs(x - pill) for pill, _ in pills) > 40
    assert diamond_place(row, [(192.0, 165.0)]) == (176.0, 74.0)
