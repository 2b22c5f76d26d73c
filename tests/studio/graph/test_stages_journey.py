"""The paper's construction in a real browser, on a network that was exported with its quantizers: every traced op, the
branches that they are, folded, grouped, and what a real run leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from finished import run_of
from serving import Server

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.drawing.stages import graph_at

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]
CY = "document.getElementById('graph')._cyreg.cy"
DRAWS = "Number(document.getElementById('graph-panel').dataset.draws)"
DRAWN_OPS = f"() => {CY}.nodes('.row').map(row => row.data('nodes')).flat().sort()"
BOXES_OF = f"""kind => {CY}.nodes('.box.' + kind).map(box => {{
  const inside = node => Math.abs(node.position('x') - box.position('x')) < box.data('w') / 2
    && Math.abs(node.position('y') - box.position('y')) < box.data('h') / 2;
  return [box.data('quantizer'), {CY}.nodes('.row').filter(inside).map(row => row.data('nodes')).flat().sort()];
}})"""


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ResNet8 exported again with a quantizer at each of its 10 layers and 8 activations."""
    plain = ge.load("resnet8")
    prepared = ge.prepare(plain, ge.analyze(plain, activations=True))
    file = tmp_path_factory.mktemp("quantized") / "resnet8-quantized.pt2"
    ge.trace(prepared.program, plain.example_args).save(file)
    return file


@pytest.fixture(scope="module")
def site(quantized: Path) -> Iterator[Server]:
    """A server on it, with a finished run."""
    server = Server(quantized.parent, "--model", str(quantized)).start()
    run_of(server.store, quantized.parent, str(quantized), "digits", 0.5)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def analysis(quantized: Path) -> dict[str, Any]:
    return analysis_report(ge.load(str(quantized)))


def drawn_at(page: Any, site: Server, stage: str) -> None:
    """The page at a stage, every module open and no op hidden."""
    page.goto(f"{site.url}/?model=given&run=1&stage={stage}")
    page.wait_for_selector("#graph-panel[data-drawn='given']")
    for entry in ("#graph-shape", "[data-graph=all]"):
        before = page.evaluate(f"() => {DRAWS}")
        page.click("button:has-text('View ▾')")
        page.click(entry)
        page.wait_for_function(f"() => {DRAWS} > {before}")


def ids(graph: dict[str, Any]) -> list[str]:
    return sorted(node["id"] for node in graph["nodes"])


def test_trace_shows_every_op_of_the_quantizers(page: Any, site: Server, analysis: dict[str, Any]) -> None:
    drawn_at(page, site, "trace")
    assert page.evaluate(DRAWN_OPS) == ids(graph_at(analysis, "trace"))
    assert page.evaluate(f"() => {CY}.nodes('.box.branch, .diamond, .pill').length") == 0
    rounds = [node for node in graph_at(analysis, "trace")["nodes"] if node["op"] == "round"]
    assert len(rounds) == 18


def test_branches_hold_the_ops_of_their_quantizers(page: Any, site: Server, analysis: dict[str, Any]) -> None:
    drawn_at(page, site, "branches")
    branches = graph_at(analysis, "branches")["branches"]
    for kind, count in (("attached", 10), ("inserted", 8)):
        wanted = [[b["quantizer"], sorted(b["nodes"])] for b in branches if b["kind"] == kind]
        assert len(wanted) == count
        assert sorted(page.evaluate(BOXES_OF, kind)) == sorted(wanted)


def test_the_qadg_is_folded_and_marked(page: Any, site: Server, analysis: dict[str, Any]) -> None:
    drawn_at(page, site, "qadg")
    folded = graph_at(analysis, "qadg")
    assert page.evaluate(DRAWN_OPS) == ids(folded) and len(folded["nodes"]) < 40
    marks = [
        page.evaluate(f"k => {CY}.nodes(k).map(mark => mark.data('quantizers')).flat().sort()", f".{kind}")
        for kind in ("diamond", "pill")
    ]
    assert [sorted(set(actual)) for actual in marks] == [
        sorted(q["id"] for q in analysis["quantizers"] if q["kind"] == kind) for kind in ("weight", "activation")
    ]


def test_groups_are_coloured_as_they_are_tied(page: Any, site: Server, analysis: dict[str, Any]) -> None:
    drawn_at(page, site, "groups")
    groups = {node["id"]: node["group"] for node in graph_at(analysis, "groups")["nodes"]}
    drawn = page.evaluate(f"() => {CY}.nodes('.row').map(row => [row.data('nodes').at(-1), row.data('group')])")
    assert drawn and all(groups[node] == group for node, group in drawn)
    assert len({group for _, group in drawn}) > 4


def test_compact_shows_what_the_run_left(page: Any, site: Server, analysis: dict[str, Any]) -> None:
    drawn_at(page, site, "compact")
    left = analysis_report(ge.load(str(next(Path(site.store.removeprefix("sqlite:///")).parent.rglob("compact.pt2")))))
    kept = {group["name"]: group["size"] for group in left["groups"]}
    cuts = {g["id"]: (g["size"], kept[g["name"]]) for g in analysis["groups"] if kept[g["name"]] < g["size"]}
    assert cuts
    page.wait_for_function(f"() => {CY}.nodes('.bar').some(bar => bar.data('label').includes('→') && bar.data('on'))")
    on_screen = page.evaluate(
        f"() => {CY}.nodes('.bar').filter(bar => bar.data('on') && bar.data('outputs').length === 1)"
        ".map(bar => [bar.data('outputs')[0], bar.data('label')])"
    )
    texts = {group: text for group, text in on_screen if group in cuts}
    assert texts == {group: f"{size} → {rest} units" for group, (size, rest) in cuts.items()}
