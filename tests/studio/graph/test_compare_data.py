"""What stands beside a model and how it is marked, without a browser: two real runs of one network in one store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from finished import differing, run_of, shapes_of

import geta_engine as ge
from geta_engine.drawing.opening import everything
from geta_engine.drawing.stages import graph_at
from geta_engine.runs.workspace import Workspace
from geta_studio.graph.compare_callbacks import compared
from geta_studio.graph.live_values import live_values
from geta_studio.services.comparable import comparable_models
from geta_studio.services.layouts import LayoutOptions
from geta_studio.services.services import Services
from tests.coroutines import run_to_end

pytestmark = pytest.mark.timeout(300)
MODELS = ("resnet8", "compact-1", "compact-2")
BLOCKS = ("layer1.0", "layer2.0", "layer3.0")
LAYERS = {"conv1", "fc", *(f"{block}.conv{i}" for block in BLOCKS for i in (1, 2))}
LAYERS |= {"layer2.0.shortcut.0", "layer3.0.shortcut.0"}
"""Those that have a row named after them; a norm is drawn with the layer before it."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """ResNet8 with 3 and with 60 percent of its units removed, all three analysed."""
    folder = tmp_path_factory.mktemp("two")
    store = f"sqlite:///{folder}/geta.db"
    for sparsity in (0.03, 0.6):
        run_of(store, folder, "resnet8", "digits", sparsity)
    services = Services(Workspace(store))
    wait_for(services, MODELS)
    yield services
    services.close()


def wait_for(services: Services, keys: Sequence[str]) -> None:
    """Analyse models, all at once."""
    end = time.monotonic() + 120
    while (
        "working" in (states := {services.analyses.ensure_analysis(key).state for key in keys})
        and time.monotonic() < end
    ):
        time.sleep(0.05)
    assert states == {"ready"}


def shapes(services: Services, key: str) -> dict[str, tuple[int, ...]]:
    """Parameters by shape, as PyTorch alone reads them."""
    if key == "resnet8":
        return {name: tuple(tensor.shape) for name, tensor in ge.load(key).program.state_dict.items()}
    return shapes_of(Path(services.library.spec(key)))


def compared_with(services: Services, left: str, right: str, stage: str = "groups") -> tuple[Any, ...]:
    """What is drawn at the right of a model with all modules of both open."""
    graphs = [graph_at(services.analyses.get(key), stage) for key in (left, right)]  # type: ignore[arg-type]
    scopes = set().union(*(everything(graph)[0] for graph in graphs))
    drawn = run_to_end(services.layouts.of(graphs[0], LayoutOptions(frozenset(scopes), stage, False)))
    on_screen = {"model": left, "graph": stage, "shape": False, "scopes": sorted(scopes), "layout": drawn["key"]}
    return run_to_end(compared(services, right, on_screen))


def layers_marked(services: Services, key: str, stage: str, rows: dict[str, str]) -> dict[str, str]:
    """Name of a layer -> the mark of its row."""
    facts = {node["id"]: node for node in graph_at(services.analyses.get(key), stage)["nodes"]}  # type: ignore[arg-type]
    return {facts[row]["name"]: kind for row, kind in rows.items() if facts[row]["name"] in LAYERS}


def rows_marked(elements: list[dict[str, Any]]) -> dict[str, str]:
    kinds = {"changed", "gone", "new"}
    rows = [element for element in elements if "row" in element["classes"].split()]
    return {row["data"]["id"]: kind for row in rows if (kind := "".join(kinds & set(row["classes"].split())))}


@pytest.mark.slow
def test_what_can_stand_beside(services: Services) -> None:
    one, two = "compact model of run 1", "compact model of run 2"
    assert comparable_models(services, "resnet8") == {"compact-2": two, "compact-1": one}
    assert comparable_models(services, "compact-1") == {"compact-2": two, "resnet8": "the dense resnet8"}
    assert comparable_models(services, "compact-2") == {"compact-1": one, "resnet8": "the dense resnet8"}
    assert (
        comparable_models(services, "compact-3")
        == comparable_models(services, "resnet20")
        == comparable_models(services, None)
        == {}
    )


@pytest.mark.parametrize("stage", ["trace", "branches", "groups"])
@pytest.mark.parametrize(("left", "right"), [(a, b) for a in MODELS for b in MODELS if a != b])
def test_exactly_the_layers_that_differ_are_marked_on_both_sides(
    services: Services, left: str, right: str, stage: str
) -> None:
    elements, scene, _, done = compared_with(services, left, right, stage)
    assert done and scene["model"] == right
    expected = dict.fromkeys(differing(shapes(services, left), shapes(services, right)), "changed")
    assert len(expected) >= (8 if "compact-2" in (left, right) else 1)
    for key, rows in ((left, scene["left"]), (right, rows_marked(elements))):
        assert layers_marked(services, key, stage, rows) == {name: expected[name] for name in LAYERS & expected.keys()}


@pytest.mark.parametrize("stage", ["trace", "branches"])
def test_quantizers_of_weights_are_gone_from_a_compact_model_and_others_are_not(services: Services, stage: str) -> None:
    elements, scene, *_ = compared_with(services, "resnet8", "compact-1", stage)
    graph = graph_at(services.analyses.get("resnet8"), stage)  # type: ignore[arg-type]
    attached = {node for branch in graph["branches"] if branch["kind"] == "attached" for node in branch["nodes"]}
    assert attached <= {row for row, kind in scene["left"].items() if kind == "gone"}
    inserted = {node for branch in graph["branches"] if branch["kind"] == "inserted" for node in branch["nodes"]}
    assert not inserted & {row for row, kind in scene["left"].items() if kind == "gone"}
    assert inserted <= set(scene["pairs"].values())
    assert "new" not in rows_marked(elements).values()


def test_the_lines_over_two_runs_tell_the_sizes_of_both(services: Services) -> None:
    sizes = [services.runs.get(run).summary["params_compact"] for run in (1, 2)]
    what, counts = (span.children for span in compared_with(services, "compact-1", "compact-2")[2])
    assert what == "run 1 → run 2 · {:.1f} k → {:.1f} k parameters".format(*(size / 1000 for size in sizes))
    assert counts.endswith(" changed")
    assert compared_with(services, "compact-1", "resnet8")[2][0].children.startswith("run 1 → dense · ")
    assert compared_with(services, "resnet8", "compact-2")[2][0].children.startswith("dense → run 2 · 77.8 k → ")


def test_a_compact_model_on_screen_shows_its_own_bits(services: Services) -> None:
    for run in (1, 2):
        state = live_values(services, None, f"compact-{run}")
        trained = {(q["kind"], q["layer"]): q["bits"] for q in services.runs.get(run).summary["quantizers"]}
        analysis = services.analyses.get(f"compact-{run}")
        assert analysis is not None and state is not None
        assert state["bits"] == {q["id"]: trained[q["kind"], q["layer"]] for q in analysis["quantizers"]}


def test_quantizers_are_paired_by_what_they_are_for(services: Services) -> None:
    quantizers, others = (
        {q["id"]: q for q in services.analyses.get(key)["quantizers"]} for key in ("resnet8", "compact-2")
    )  # type: ignore[index]
    pairs = compared_with(services, "resnet8", "compact-2")[1]["quantizers"]
    assert pairs.keys() == others.keys() and set(pairs.values()) == quantizers.keys()
    for right, left in pairs.items():
        assert [others[right][name] for name in ("kind", "layer")] == [
            quantizers[left][name] for name in ("kind", "layer")
        ]
