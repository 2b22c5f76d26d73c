"""The paper's construction as data, on a network traced with its quantizers expanded."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.drawing.hierarchy import build
from geta_engine.drawing.stages import GRAPH_STAGES, branch_scopes, graph_at
from geta_engine.drawing.visible import visible
from geta_engine.errors import InputError
from tests.engine.qadg.quantized_models import Rounded


@pytest.fixture(scope="module")
def programs() -> tuple[ge.TracedModel, ge.TracedModel]:
    """ResNet8 as it is, and exported again with quantizers: 10 layers, of which two shortcuts share an input."""
    plain = ge.load("resnet8")
    prepared = ge.prepare(plain, ge.analyze(plain, activations=True))
    return plain, ge.trace(prepared.program, plain.example_args)


@pytest.fixture(scope="module")
def analyses(programs) -> tuple[dict, dict]:
    plain, quantized = programs
    return analysis_report(plain), analysis_report(quantized)


def test_folding_gives_the_network_without_quantizers(programs, analyses):
    plain, quantized = analyses
    assert [len(graph_at(quantized, "qadg")[part]) for part in ("nodes", "edges")] == [
        len(graph_at(plain, "qadg")[part]) for part in ("nodes", "edges")
    ]
    assert quantized["model"]["macs"] == plain["model"]["macs"]
    one, two = (ge.analyze(program) for program in programs)
    assert [(g.name, g.size, g.prunable) for g in one.groups] == [(g.name, g.size, g.prunable) for g in two.groups]
    assert [q["id"] for q in quantized["quantizers"]] == [q["id"] for q in plain["quantizers"]]


def test_branches_are_marked_where_the_program_is_whole(analyses):
    _, quantized = analyses
    kinds = [branch["kind"] for branch in quantized["branches"]]
    assert (kinds.count("attached"), kinds.count("inserted")) == (10, 8)
    trace, branches = graph_at(quantized, "trace"), graph_at(quantized, "branches")
    assert len(trace["nodes"]) == len(branches["nodes"]) > len(graph_at(quantized, "qadg")["nodes"])
    assert all(node["branch"] is None for node in trace["nodes"])
    owned = {node["id"]: node["branch"] for node in branches["nodes"] if node["branch"] is not None}
    assert owned == {name: i for i, branch in enumerate(quantized["branches"]) for name in branch["nodes"]}


def test_groups_come_with_the_last_stage_only(analyses):
    for analysis in analyses:
        grouped = {stage: [n["group"] for n in graph_at(analysis, stage)["nodes"]] for stage in GRAPH_STAGES}
        assert all(set(grouped[stage]) == {None} for stage in GRAPH_STAGES[:3])
        assert len(set(grouped["groups"])) > 3


def test_inserted_quantizers_lie_on_edges(analyses):
    _, quantized = analyses
    marked = {edge["quantizer"] for edge in graph_at(quantized, "qadg")["edges"]} - {None}
    assert marked <= {q["id"] for q in quantized["quantizers"] if q["kind"] == "activation"}
    assert "act.relu" in marked


def test_an_unknown_stage_is_refused(analyses):
    with pytest.raises(InputError, match="give trace, branches, qadg, groups"):
        graph_at(analyses[0], "middle")


def test_quantizers_are_written_out_where_the_program_has_none(analyses):
    """The same branches for the same weights as in the program that was exported with them."""
    plain, _ = analyses
    written_out, traced = (graph_at(analysis, "branches")["branches"] for analysis in analyses)
    weights = [{b["quantizer"] for b in branches if b["kind"] == "attached"} for branches in (written_out, traced)]
    assert weights[0] == weights[1] == {q["id"] for q in plain["quantizers"] if q["kind"] == "weight"}
    graph = graph_at(plain, "branches")
    ids = [node["id"] for node in graph["nodes"]]
    assert len(set(ids)) == len(ids)
    position = {name: i for i, name in enumerate(ids)}
    assert all(position[edge["source"]] < position[edge["target"]] for edge in graph["edges"])
    ops = {node["id"]: node["op"] for node in graph["nodes"]}
    assert all([ops[name] for name in branch["nodes"]] == ["clamp", "div", "round", "mul"] for branch in written_out)
    readers = {b["result"]: {e["target"] for e in graph["edges"] if e["source"] == b["result"]} for b in written_out}
    assert all(readers.values())


def test_every_branch_has_a_scope_of_its_own(analyses):
    for analysis in analyses:
        graph = graph_at(analysis, "branches")
        assert sorted(branch_scopes(graph).values()) == list(range(len(graph["branches"])))


class Shared(nn.Module):
    """Two quantized weights of its own, and `fc`, called twice with its input and its weight quantized at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.randn(4, 6))
        self.fc = nn.Linear(4, 4)
        self.of_weights, self.of_inputs = (nn.ModuleList(Rounded() for _ in range(4)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(torch.relu(F.linear(x, self.of_weights[0](self.up))), self.of_weights[1](self.down))
        for call in (2, 3):
            x = F.linear(self.of_inputs[call](torch.relu(x)), self.of_weights[call](self.fc.weight))
        return x


class Within(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_branches_of_one_layer_have_boxes_and_quantizers_of_their_own():
    analysis = analysis_report(ge.trace(Within(Shared()), (torch.randn(2, 4),)))
    graph = graph_at(analysis, "branches")
    owners = {node["scope"]: node["part_of"] for node in graph["nodes"] if node["branch"] is not None}
    assert owners == {
        "attached · inner": "inner.up",
        "attached · inner #2": "inner.down",
        "inner.inserted · fc": "act.relu_1",
        "inner.attached · fc": "inner.fc.weight",
        "inner.inserted · fc #2": "act.relu_2",
        "inner.attached · fc #2": "inner.fc.weight",
    }
    assert sorted(branch_scopes(graph).values()) == list(range(6))


def test_branches_that_follow_each_other_are_of_one_quantizer():
    twice = nn.Sequential(nn.ReLU(), Rounded(), Rounded(), nn.Linear(4, 3))
    analysis = analysis_report(ge.trace(twice, (torch.randn(2, 4),)))
    assert [b["quantizer"] for b in graph_at(analysis, "trace")["branches"] if b["kind"] == "inserted"] == [
        "act.relu"
    ] * 2


class OneOp(nn.Module):
    """A layer whose input and weight go through one op of PyTorch each."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x, weight = (torch.fake_quantize_per_tensor_affine(v, 0.1, 0, -8, 7) for v in (x, self.fc.weight))
        return torch.relu(F.linear(x, weight, self.fc.bias)) + x


def test_branches_of_one_op_are_outlined_and_their_modules_are_none():
    blocks = Within(nn.Sequential(OneOp(), OneOp()))
    graph = graph_at(analysis_report(ge.trace(blocks, (torch.randn(2, 4),))), "branches")
    tree = build(graph)
    expected = {f"inner.{block}.{kind} · fc" for block in (0, 1) for kind in ("inserted", "attached")}
    assert expected <= set(tree.scopes)
    parents = {entry["id"]: entry["parent"] for entry in visible(graph, tree, frozenset(tree.scopes))["nodes"].values()}
    assert parents["fake_quantize_per_tensor_affine"] == "inner.0.inserted · fc"
    assert visible(graph, tree, frozenset())["nodes"]["scope:inner"]["badge"] == "×2"


class WeightsFirst(nn.Module):
    """Five weights are quantized one after the other before any is read."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(5))
        self.quantizers = nn.ModuleList(Rounded() for _ in range(5))

    def forward(self, x: Tensor) -> Tensor:
        weights = [quantizer(layer.weight) for quantizer, layer in zip(self.quantizers, self.layers, strict=True)]
        for weight in weights:
            x = torch.relu(F.linear(x, weight))
        return x


def test_branches_in_a_row_are_not_folded_as_repeated_modules():
    graph = graph_at(analysis_report(ge.trace(WeightsFirst(), (torch.randn(2, 4),))), "branches")
    tree = build(graph)
    assert set(tree.scopes) == {"layers", *(f"layers.attached · layers {i}" for i in range(5))}
