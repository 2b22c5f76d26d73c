"""What is left after pruning, on transformers with real weights and on two runs of one network, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from finished import counting, differing, run_of, shapes_of, small_bert, small_qwen3
from serving import Server

from geta_engine.runs.workspace import Workspace
from geta_studio.services.services import Services

pytest.importorskip("transformers")
pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]
CY = "document.getElementById('graph')._cyreg.cy"
OTHER = "document.getElementById('graph-compared')._cyreg.cy"
MAKERS: dict[str, Callable[[Path], str]] = {"bert": small_bert, "qwen3": small_qwen3}
TASKS = {"bert": "auto", "qwen3": "causal-lm"}
INNER = {"bert": "bert.encoder.layer.0.attention.self", "qwen3": "model.layers.0.mlp"}
"""A module that the first view has open."""
SPARSITY = {"bert": 0.5, "qwen3": 0.1}
"""Half cuts every layer of the BERT, and its norms are written out then; a tenth leaves some of the Qwen3 alone."""
BARS = f"""() => {CY}.nodes('.bar').map(bar => {{
  const row = {CY}.getElementById(bar.data('host'));
  return {{ label: bar.data('label'), detail: bar.data('detail'), groups: row.data('outputs'), row: row.id() }};
}})"""
MARKED = """rows => rows.map(row => ({
  nodes: row.data('nodes'), kind: ['changed', 'gone', 'new'].find(kind => row.hasClass(kind)),
}))"""
ROWS = "rows => rows.map(row => row.id()).sort()"


class Finished:
    """A server with a model of its own, and one run of it that is done."""

    def __init__(self, name: str, folder: Path) -> None:
        self.spec = MAKERS[name](folder)
        data = counting(folder) if name == "qwen3" else "distill"
        self.server = Server(folder, "--model", self.spec)
        self.result = run_of(self.server.store, folder, self.spec, data, SPARSITY[name], TASKS[name])
        self.server.start()
        self._services = Services(Workspace(self.server.store), self.spec)

    def stop(self) -> None:
        self._services.close()
        self.server.stop()

    def analysis(self, key: str) -> dict[str, Any]:
        """What the server has found out about a model, from its own files."""
        actual = self._services.analyses.get(key)
        assert actual is not None, f"the server has not analysed {key}"
        return actual

    def cut(self) -> set[str]:
        """Layers that the run made smaller."""
        dense = shapes_of(Path(self.spec.removeprefix("hf:")))
        return differing(dense, shapes_of(Path(self._services.library.spec("compact-1"))))

    def kept(self, group: int) -> int:
        """How many units of a group are in the compact model, by the compact model's own groups."""
        (selected,) = (g for g in self.analysis("given")["groups"] if g["id"] == group)
        sizes = {
            (m["parameter"], m["dim"]): g["size"] for g in self.analysis("compact-1")["groups"] for m in g["members"]
        }
        (size,) = {sizes[member["parameter"], member["dim"]] for member in selected["members"]}
        return int(size)


@pytest.fixture(scope="module", params=["bert", "qwen3"])
def finished(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Finished]]:
    made = Finished(request.param, tmp_path_factory.mktemp(request.param))
    yield request.param, made
    made.stop()


def drawn(page: Any, url: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(url)
    page.wait_for_selector("#graph-panel[data-drawn]")


def put_beside(page: Any, key: str) -> None:
    page.click("text=View ▾")
    page.click(f"[data-graph='compare-{key}']")
    page.wait_for_selector(f"#graph-panel[data-compared='{key}']")


def marks(page: Any, graph: str) -> list[dict[str, Any]]:
    return list(page.evaluate(f"() => ({MARKED})({graph}.nodes('.row'))"))


def rows(page: Any, graph: str) -> list[str]:
    return list(page.evaluate(f"() => ({ROWS})({graph}.nodes('.row'))"))


def layers(analysis: dict[str, Any], actual: list[dict[str, Any]]) -> dict[str, str | None]:
    """Name of each layer that has a row of its own -> its mark."""
    facts = {node["id"]: node for node in analysis["graph"]["nodes"]}
    first_nodes = [(facts[row["nodes"][0]], row.get("kind")) for row in actual]
    return {node["name"]: kind for node, kind in first_nodes if node["kind"] == "layer"}


def toggle(page: Any, graph: str, scope: str) -> None:
    page.evaluate(f"scope => {{ {graph}.getElementById(`scope:${{scope}}|toggle`).emit('tap') }}", scope)


def test_the_compact_stage_writes_what_is_left_of_each_row(finished: tuple[str, Finished], page: Any) -> None:
    _, made = finished
    drawn(page, f"{made.server.url}/?model=given&run=1&stage=compact")
    page.wait_for_function(f"() => {CY}.nodes('.bar').some(bar => bar.data('label').includes('→'))")
    put_beside(page, "compact-1")
    sizes = {group["id"]: group["size"] for group in made.analysis("given")["groups"]}
    written = page.evaluate(BARS)
    cut = 0
    for bar in written:
        total = sum(sizes[group] for group in bar["groups"])
        left = sum(made.kept(group) for group in bar["groups"])
        assert bar["label"] == (f"{total} → {left} units" if left < total else bar["detail"]), bar
        cut += left < total
    assert cut > 0
    removed = sum(sizes[g["id"]] - made.kept(g["id"]) for g in made.analysis("given")["groups"] if g["prunable"])
    assert removed == made.result["zero_units"] > 0


def test_side_by_side_marks_the_layers_that_were_cut(finished: tuple[str, Finished], page: Any) -> None:
    name, made = finished
    drawn(page, f"{made.server.url}/?model=given&run=1")
    page.click("text=View ▾")
    page.click("[data-graph=all]")
    page.wait_for_function(f"() => !{CY}.nodes('.row.scope').length")
    put_beside(page, "compact-1")
    page.wait_for_function(f"() => {CY}.nodes('.row.changed').length > 0")
    expected = made.cut()
    seen = layers(made.analysis("given"), marks(page, CY))
    assert {layer for layer, kind in seen.items() if kind} == expected & seen.keys()
    assert {kind for kind in seen.values() if kind} == {"changed"}
    assert bool(seen.keys() - expected) == (name == "qwen3") and len(expected & seen.keys()) > 5
    other = layers(made.analysis("compact-1"), marks(page, OTHER))
    shared = other.keys() & seen.keys()
    assert {layer: other[layer] for layer in shared} == {layer: seen[layer] for layer in shared} and len(shared) > 20
    assert re.match(r"dense → run 1 · [\d.]+ k → [\d.]+ k parameters", page.inner_text("#graph-compared-title"))
    if name == "bert":
        norm = f"{OTHER}.getElementById('scope:bert.embeddings.LayerNorm')"
        tip = page.evaluate(f"() => {norm}.hasClass('changed') && {norm}.data('tip')")
        kept = made.kept(1)
        assert tip[1] == f"B × 16 × 32 → B × 16 × {kept}"
        assert tip[2].startswith(f"64 → {2 * kept} parameters")


def test_a_module_opens_and_closes_on_both_sides(finished: tuple[str, Finished], page: Any) -> None:
    name, made = finished
    drawn(page, f"{made.server.url}/?model=given&run=1")
    put_beside(page, "compact-1")
    scope, closed = INNER[name], f"scope:{INNER[name]}"
    both = [rows(page, graph) for graph in (CY, OTHER)]
    assert closed not in both[0] and closed not in both[1]
    for graph, here in ((OTHER, True), (CY, False), (CY, True), (OTHER, False)):
        toggle(page, graph, scope)
        there = f"{CY}.getElementById('{closed}'), {OTHER}.getElementById('{closed}')"
        page.wait_for_function(f"() => [{there}].every(node => node.hasClass('row') === {str(here).lower()})")
        assert len(rows(page, CY)) == len(rows(page, OTHER))
    assert [rows(page, graph) for graph in (CY, OTHER)] == both


def test_two_runs_of_one_network_side_by_side(server: Server, page: Any, tmp_path: Path) -> None:
    results = [run_of(server.store, tmp_path, "resnet8", "digits", sparsity) for sparsity in (0.05, 0.6)]
    drawn(page, f"{server.url}/?model=resnet8&run=1")
    page.click("text=Open the compact model")
    page.wait_for_selector("#graph-panel[data-drawn='compact-1']")
    page.click("text=View ▾")
    page.click("text=Beside it: compact model of run 2")
    page.wait_for_selector("#graph-panel[data-compared='compact-2']")
    sizes = [f"{result['params_compact'] / 1000:.1f} k" for result in results]
    assert f"run 1 → run 2 · {sizes[0]} → {sizes[1]} parameters" in page.inner_text("#graph-compared-title")
    files = [Workspace(server.store).compact_file(run) for run in (1, 2)]
    expected = differing(*(shapes_of(file) for file in files))
    services = Services(Workspace(server.store))
    for key, graph in (("compact-1", CY), ("compact-2", OTHER)):
        seen = layers(services.analyses.get(key) or {}, marks(page, graph))
        assert {layer for layer, kind in seen.items() if kind} == expected & seen.keys() != set()
    page.evaluate(f"() => {{ {OTHER}.getElementById('conv2d').emit('mouseover') }}")
    page.wait_for_selector("#graph-tip.on >> text=/parameters/")
    put_beside(page, "resnet8")
    assert f"run 1 → dense · {sizes[0]} → 77.8 k parameters" in page.inner_text("#graph-compared-title")
    assert page.evaluate(f"() => {OTHER}.getElementById('conv2d|bar').data('label')") == "1 → 16 · 3×3"
    services.close()
