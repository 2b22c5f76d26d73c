from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import torch
from dash.development.base_component import Component
from plotly.utils import PlotlyJSONEncoder
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.config import make_config
from geta_engine.drawing import opening
from geta_engine.drawing.hierarchy import build
from geta_engine.drawing.stages import branch_scopes, graph_at
from geta_studio.header.url import parse_address, selection_of
from geta_studio.inspector.figure import HIDDEN, figure_now
from geta_studio.inspector.group import norms_figure, sorted_norms
from geta_studio.inspector.page import empty_page, figure_kind, inspector_panel, live, page
from geta_studio.inspector.parts import SHOWN_LINKS, Subject, chips
from geta_studio.inspector.quantizer import formula, stairs
from geta_studio.inspector.run_subject import run_bounds
from geta_studio.run_dock.run_figures import ALL_GROUPS, chosen_quantizer, norms_choices
from geta_studio.services.unit_state import GroupUnits, now, units_by_group


def text(parts: Any) -> str:
    """All text of components, in order."""
    if isinstance(parts, str):
        return parts
    if isinstance(parts, Component):
        return text(getattr(parts, "children", None))
    return " ".join(text(part) for part in parts) if isinstance(parts, (list, tuple)) else ""


def links(parts: Any) -> list[tuple[str, str]]:
    """(kind, id) of every link, in order."""
    if isinstance(parts, (list, tuple)):
        return [actual for part in parts for actual in links(part)]
    if not isinstance(parts, Component):
        return []
    data = parts.to_plotly_json()["props"]
    layer_bits = [(data["data-kind"], data["data-id"])] if "data-kind" in data else []
    return layer_bits + links(getattr(parts, "children", None))


def frames(analysis: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Unit u has norm u; the first three units are zero, redundant, redundant. Quantizers: 5 bits, q_m 1, t 1."""
    count = analysis["prunable_units"]
    units = np.stack([np.arange(count), np.zeros(count)], axis=1)
    units[:3, 1] = [2, 1, 1]
    return units, np.tile([5.0, 1 / 15, 1.0, 1.0], (len(analysis["quantizers"]), 1))


def test_empty_page_says_what_to_do() -> None:
    assert "Click a node" in text(empty_page().head)
    assert "Nothing selected" in text(inspector_panel())


def test_nothing_selected_is_the_empty_page(report: Any) -> None:
    assert text(page(Subject(report("mlp")), None).head) == text(empty_page().head)


HERE = "click one in the graph."
ASKED = {
    "node:gone": "“gone” was asked for, and mlp has no such node: click a node, or search",
    "scope:layers.1–35": "“layers.1–35” was asked for, and mlp has no such module: click a module, or search",
    "quantizer:act.gone": "“act.gone” was asked for, and mlp has no such quantizer: click a diamond",
    "group:-1": "“-1” was asked for, and mlp has no such group: choose one of g1 to g",
    "group:1e9": "“1e9” was asked for, and mlp has no such group",
    "group:999": "“999” was asked for, and mlp has no such group",
    "group:abc": "“abc” was asked for, and mlp has no such group",
    "group:" + "9" * 5000: f"“{'9' * 79}…” was asked for, and mlp has no such group",
    "script:alert(1)": f"“script:alert(1)” was asked for, and that is no node, module, group or quantizer: {HERE}",
    "nonsense": f"“nonsense” was asked for, and that is no node, module, group or quantizer: {HERE}",
}


@pytest.mark.parametrize(("written", "sentence"), ASKED.items(), ids=[name[:20] for name in ASKED])
def test_an_address_of_what_is_not_there_is_answered_with_a_sentence(report: Any, written: str, sentence: str) -> None:
    """All that follows the selection of an address: page, numbers, figure, and the dock's group and quantizer."""
    analysis = report("mlp")
    subject = Subject(analysis, {}, *frames(analysis))
    selection = selection_of(parse_address(f"?model=mlp&select={written}&step=nonsense"))
    on_screen = page(subject, selection)
    assert text(on_screen.head).startswith(f"Not in this model {sentence}") and text(on_screen.head).endswith(".")
    assert not on_screen.body and live(subject, selection) == ([], [])
    assert figure_now(subject, selection, "light", None)[1] == HIDDEN
    assert norms_choices(analysis, selection, ALL_GROUPS)[1] == ALL_GROUPS
    assert chosen_quantizer(analysis, selection) is None


@pytest.mark.parametrize("scope", ["conv1", "layer2.0.shortcut"])
def test_a_module_that_is_drawn_as_one_node_has_a_page(report: Any, scope: str) -> None:
    analysis = report("resnet20")
    held = sum(n["n_params"] or 0 for n in analysis["graph"]["nodes"] if f"{n['name']}.".startswith(f"{scope}."))
    assert f"parameters {held:,} · " in text(page(Subject(analysis), {"kind": "scope", "id": scope}).body)


class ByHand(nn.Module):
    """A layer behind a quantizer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.step = nn.Linear(8, 3), nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.round(x / self.step) * self.step)


def test_an_op_of_a_quantizer_is_not_said_to_be_missing(report: Any) -> None:
    analysis = analysis_report(ge.trace(ByHand(), (torch.randn(2, 8),)))
    sentence = text(page(Subject(analysis), {"kind": "node", "id": "round_1"}).head)
    assert "“round_1” was asked for, and it is folded into a quantizer: look at stage Trace or" in sentence
    assert sentence.startswith("Folded at this stage")


@pytest.mark.parametrize("stage", ["trace", "branches"])
@pytest.mark.parametrize("quantized", [False, True])
def test_whatever_is_drawn_before_folding_has_a_page(report: Any, stage: str, quantized: bool) -> None:
    plain = ge.load("resnet8")
    prepared = ge.prepare(plain, ge.analyze(plain, activations=True))
    analysis = analysis_report(ge.trace(prepared.program, plain.example_args)) if quantized else report("resnet8")
    graph = graph_at(analysis, stage)  # type: ignore[arg-type]
    owned = branch_scopes(graph)
    asked = [{"kind": "node", "id": node["id"]} for node in graph["nodes"] if node["kind"] != "parameter"]
    asked += [{"kind": "scope", "id": scope} for scope in build(graph).scopes if scope not in owned]
    assert len(asked) > 100
    for selection in asked:
        on_screen = page(Subject(analysis), selection, stage)
        assert on_screen.body and not text(on_screen.head).startswith(("Not in", "Folded")), selection


def test_a_model_without_groups_says_so() -> None:
    analysis = analysis_report(ge.trace(nn.Sequential(nn.ReLU()), (torch.randn(2, 8),)))
    assert "has no groups" in text(page(Subject(analysis), {"kind": "group", "id": 3}).head)


def test_a_layer(report: Any) -> None:
    analysis = report("resnet20")
    subject, selection = Subject(analysis, {"layer1.0.conv1.weight": (4, 6)}), {"kind": "node", "id": "conv2d_1"}
    on_screen, now = page(subject, selection), live(subject, selection)
    assert "layer1.0.conv1" in text(on_screen.head)
    assert "2,304" in text(on_screen.body) and "B × 16 × 8 × 8" in text(on_screen.body)
    assert "bounds 4–6" in text(now.numbers)
    assert ("quantizer", "layer1.0.conv1.weight") in links(now.numbers)
    groups = [identity for kind, identity in links(on_screen.body) if kind == "group"]
    assert groups[:2] == ["2", "1"]  # writes, reads


def test_an_unprunable_layer_says_why(report: Any) -> None:
    on_screen = page(Subject(report("resnet20")), {"kind": "node", "id": "linear"})
    assert "cannot be pruned" in text(on_screen.body) and "fc" in text(on_screen.body)


def test_a_group_its_members_and_its_chain(report: Any) -> None:
    analysis = report("resnet20")
    group = next(g for g in analysis["groups"] if g["name"] == "layer1.0.conv1")
    on_screen = page(Subject(analysis), {"kind": "group", "id": group["id"]})
    assert "16 units that can be removed" in text(on_screen.head)
    assert [identity for kind, identity in links(on_screen.body) if kind == "node"] == group["via"]
    assert all(member["parameter"] in text(on_screen.body) for member in group["members"])
    assert f"{group['unit_params']:,} parameters" in text(on_screen.body)
    assert live(Subject(analysis), {"kind": "group", "id": group["id"]}) == ([], [])


def test_a_group_of_a_run(report: Any) -> None:
    analysis = report("resnet20")
    units, quantizers = frames(analysis)
    subject = Subject(analysis, {}, units, quantizers)
    numbers = text(live(subject, {"kind": "group", "id": 1}).numbers)
    assert "1/16 zero" in numbers
    assert "13  kept" in numbers and "2  redundant" in numbers
    assert figure_kind({"kind": "group", "id": 1}, subject) == "norms"


def test_a_quantizer_of_a_run_with_the_formula_filled_in(report: Any) -> None:
    analysis = report("resnet20")
    units, quantizers = frames(analysis)
    subject = Subject(analysis, {"fc.weight": (4, 8)}, units, quantizers)
    now = live(subject, {"kind": "quantizer", "id": "fc.weight"})
    assert "4 to 8 bits" in text(now.numbers)
    assert "log₂(16) + 1 = 5" in text(now.numbers) and "x_Q" in text(now.note)


def test_activation_quantizers_link_to_the_layers_that_read_them(report: Any) -> None:
    analysis = report("resnet20")
    shared = next(q for q in analysis["quantizers"] if q["kind"] == "activation" and len(q["readers"]) == 2)
    on_screen = page(Subject(analysis), {"kind": "quantizer", "id": shared["id"]})
    assert {("node", reader) for reader in shared["readers"]} <= set(links(on_screen.body))


def test_a_module(report: Any) -> None:
    on_screen = page(Subject(report("resnet20")), {"kind": "scope", "id": "layer2.0"})
    assert "layer2.0" in text(on_screen.head)
    assert len([kind for kind, _ in links(on_screen.body) if kind == "node"]) == 3


class Rms(nn.Module):
    """A norm of eight scales, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Head(nn.Module):
    """A layer behind a shape op: two things where shape ops are drawn, one elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1))


@pytest.mark.parametrize(("scope", "held"), [("1", 8), ("2", 51)], ids=["a norm's scale", "beside a shape op"])
def test_a_module_holds_what_is_drawn_in_it(scope: str, held: int) -> None:
    net = nn.Sequential(nn.Linear(8, 8), Rms(), Head())
    analysis = analysis_report(ge.trace(net, (torch.randn(2, 2, 8),)))
    assert f"parameters {held} · " in text(page(Subject(analysis), {"kind": "scope", "id": scope}).body)


@pytest.mark.parametrize("scope", ["layer1.3", "layer1.1..8", "gone"])
def test_a_frame_of_a_run_does_not_build_the_hierarchy_again(
    report: Any, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = report("resnet56")
    selection = {"kind": "scope", "id": scope}
    subject = Subject(analysis, {}, *frames(analysis))

    def refuse(*_: Any) -> None:
        raise AssertionError("the hierarchy is built")

    monkeypatch.setattr(opening, "build", refuse)
    with pytest.raises(AssertionError, match="hierarchy"):
        page(subject, selection)
    assert live(subject, selection) == ([], [])


def test_repeated_modules_are_one_page(report: Any) -> None:
    analysis = report("resnet56")
    on_screen = page(Subject(analysis), {"kind": "scope", "id": "layer1.1..8"})
    assert text(on_screen.head) == "layer1.1–8 repeated modules"
    held = [node["n_params"] for node in analysis["graph"]["nodes"] if re.match(r"layer1\.[1-8]", node["name"])]
    assert f"{sum(held):,} · " in text(on_screen.body)


def test_frames_of_another_model_are_left_out(report: Any) -> None:
    units, quantizers = frames(report("vgg7"))
    subject = Subject(report("resnet20"), {}, units, quantizers)
    assert subject.units == {} and subject.state("fc.weight") is None


def test_long_chains_are_folded(report: Any) -> None:
    analysis = report("resnet56")
    group = max(analysis["groups"], key=lambda g: len(g["via"]))
    row = chips(Subject(analysis), group["via"], arrow=True)
    assert len(links(row)) == len(group["via"])
    assert f"{len(group['via']) - SHOWN_LINKS} more" in text(row)


def test_units_are_split_by_prunable_group_in_order(report: Any) -> None:
    analysis = report("resnet20")
    units, quantizers = frames(analysis)
    split = units_by_group(analysis, units)
    assert list(split) == [g["id"] for g in analysis["groups"] if g["prunable"]]
    assert np.concatenate([rows.norms for rows in split.values()]).tolist() == units[:, 0].tolist()
    state = now(analysis, units, quantizers)
    assert state is not None
    assert state["groups"]["1"] == [13, 2, 1, 7.5, None]
    scores = np.arange(len(units), dtype=np.float32)[None]
    scored = now(analysis, units, quantizers, scores)
    assert scored is not None and scored["groups"]["1"] == [13, 2, 1, 7.5, 7.5]
    assert state["bits"]["fc.weight"] == 5
    assert now(analysis, None, None) is None


def test_norms_are_sorted_with_their_states() -> None:
    norms, states = sorted_norms(GroupUnits(np.array([1.0, 3.0, 2.0]), np.array([2.0, 0.0, 1.0])))
    assert norms.tolist() == [3, 2, 1] and states.tolist() == [0, 1, 2]
    drawn = norms_figure(GroupUnits(np.array([1.0, 3.0]), np.array([0.0, 1.0])), 0, "light")
    colours = drawn["data"][0]["marker"]["color"]
    assert colours[0] != colours[1]
    json.dumps(drawn, cls=PlotlyJSONEncoder)


def test_stairs_match_the_formula() -> None:
    d, q_m, t = 0.13, 0.9, 1.2
    curve = stairs(d, q_m, t)
    for x, y in zip(curve.x[::37], curve.y[::37], strict=True):
        c = min(abs(x), q_m) ** t
        assert y == pytest.approx((1 if x > 0 else -1 if x < 0 else 0) * d * round(c / d))


def test_stairs_worked_number() -> None:
    curve = stairs(1 / 7, 1.0, 1.0, points=6)  # x = -1.25, -0.75, -0.25, 0.25, 0.75, 1.25
    assert curve.y * 7 == pytest.approx([-7, -5, -2, 2, 5, 7])
    assert stairs(1 / 7, 1.0, 1.0, signed=False).x[0] == 0


def test_formula_of_four_bits() -> None:
    assert "log₂(8) + 1 = 4" in text(formula(4.0, 1 / 7, 1.0, 1.0))
    assert "log₂(16) = 4" in text(formula(4.0, 1 / 15, 1.0, 1.0)) and "no sign" in text(formula(4.0, 1 / 15, 1.0, 1.0))


def test_bounds_of_a_stored_run(report: Any) -> None:
    layer_bits = {"fc.weight": {"lower": 4, "upper": 6}}
    config = make_config(model="resnet20", bits={"lower": 3, "upper": 8}, layer_bits=layer_bits)
    assert set(run_bounds(config, report("mlp")).values()) == {(3, 8)}
    assert run_bounds(config, report("resnet20"))["fc.weight"] == (4, 6)


def test_the_figure_shows_only_when_there_is_something_in_it(report: Any) -> None:
    analysis = report("resnet20")
    units, quantizers = frames(analysis)
    subject = Subject(analysis, {}, units, quantizers)
    assert figure_now(Subject(analysis), {"kind": "group", "id": 1}, "light", None)[1] == HIDDEN
    assert figure_now(subject, {"kind": "group", "id": 1}, "light", HIDDEN)[0]["data"][0]["type"] == "bar"
    assert (
        figure_now(subject, {"kind": "quantizer", "id": "fc.weight"}, "dark", HIDDEN)[0]["data"][1]["mode"] == "lines"
    )
    assert figure_now(subject, {"kind": "node", "id": "linear"}, "dark", None)[1] == HIDDEN
