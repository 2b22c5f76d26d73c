"""The whole way, on a real server, browser and run: open, read, choose, configure, launch, watch, download."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Server

SCHEDULE = {
    "warmup": 10,
    "projection": 20,
    "projection-periods": 2,
    "joint": 24,
    "joint-periods": 2,
    "cooldown": 6,
}
LAYER = "layer2.0.conv1"
RUN_IT = """
import sys, torch
assert not any(name.startswith("geta") for name in sys.modules)
program = torch.export.load(sys.argv[1])
output = program.module()(torch.zeros(3, 1, 8, 8))
assert not any(name.startswith("geta") for name in sys.modules)
print(tuple(output.shape), sum(p.numel() for p in program.state_dict.values() if p.is_floating_point()))
"""
PLOTTED = (
    "id => Math.max(0, ...(document.querySelector(`#${id} .js-plotly-plot`)?._fullData ?? []).map(d => d._length ?? 0))"
)


@pytest.mark.timeout(900)
def test_the_journey(server: Server, page: Any, tmp_path: Path) -> None:
    open_the_demo(page, server)
    select_a_group(page)
    configure(page)
    run_id = launch(page)
    watch_the_plots_grow(page)
    pause_and_resume(page)
    reload_and_find_the_run(page, run_id)
    finish(page)
    see_zero_groups(page)
    config_and_result_agree(server, run_id)
    compact_runs_in_plain_pytorch(page, tmp_path)


def open_the_demo(page: Any, server: Server) -> None:
    page.goto(server.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    assert int(page.get_attribute("#graph-panel", "data-nodes")) > 10
    assert "12 groups · 448 units" in page.inner_text("#model-summary")


def select_a_group(page: Any) -> None:
    page.click(".legend-group:has-text('g5')")
    page.wait_for_selector("#inspector:has-text('layer2')")
    page.wait_for_function("() => location.search.includes('select=group:5')")


def configure(page: Any) -> None:
    page.click("role=tab[name='Configure']")
    page.wait_for_selector("#launch:not([disabled])")
    page.fill("#bits-grid .ag-floating-filter input[type=text]", LAYER)
    row = page.locator(f"#bits-grid .ag-row:has([col-id='layer']:text-is('{LAYER}')):has([col-id='kind']:text-is('W'))")
    cell = row.locator("[col-id='b_u']")
    type_into(page, cell, "1")
    page.wait_for_selector("#config-errors:has-text('bits 4:1')")
    assert page.is_disabled("#launch")
    type_into(page, cell, "6")
    page.wait_for_selector("#launch:not([disabled])")
    for name, value in SCHEDULE.items():
        page.fill(f"#schedule-{name}", str(value))
    thumb = page.locator("#sparsity [role=slider]")
    thumb.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#sparsity-caption:has-text('K = 179 of 448')")
    page.wait_for_selector("#schedule-bar .stage-joint[title='joint: 24 steps']")


def type_into(page: Any, cell: Any, text: str) -> None:
    cell.scroll_into_view_if_needed()
    cell.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def launch(page: Any) -> int:
    page.click("#launch")
    page.wait_for_function("() => /run=\\d+/.test(location.search)")
    actual = re.search(r"run=(\d+)", page.url)
    assert actual
    return int(actual[1])


def step_now(page: Any) -> int:
    actual = re.match(r"step ([\d,]+) of", page.inner_text("#run-step"))
    return int(actual[1].replace(",", "")) if actual else 0


def wait_for_step(page: Any, step: int) -> None:
    reached = (
        "n => parseInt(((document.querySelector('#run-step')?.innerText ?? '').match(/step (\\d+)/) ?? [0, 0])[1]) >= n"
    )
    page.wait_for_function(reached, arg=step, timeout=240_000)


def watch_the_plots_grow(page: Any) -> None:
    wait_for_step(page, 3)
    before = [page.evaluate(PLOTTED, figure) for figure in ("loss-figure", "cost-figure", "bits-figure")]
    wait_for_step(page, step_now(page) + 6)
    grown = "([id, n]) => (" + PLOTTED + ")(id) > n"
    for figure, count in zip(("loss-figure", "cost-figure", "bits-figure"), before, strict=True):
        page.wait_for_function(grown, arg=[figure, count])
    page.wait_for_function("() => document.querySelector('#norms-figure .heatmaplayer image')")


def pause_and_resume(page: Any) -> None:
    page.click("#pause")
    page.wait_for_selector("#run-status:has-text('paused')")
    page.wait_for_selector("#resume:not([disabled])")
    assert page.is_disabled("#pause")
    at = step_now(page)
    page.click("#step")
    wait_for_step(page, at + 1)
    page.wait_for_timeout(1500)
    assert step_now(page) == at + 1
    page.click("#resume")
    wait_for_step(page, at + 2)


def reload_and_find_the_run(page: Any, run_id: int) -> None:
    before = step_now(page)
    page.reload()
    wait_for_step(page, before)
    assert f"run={run_id}" in page.url
    assert f"run {run_id}" in page.input_value("#run-select")
    page.wait_for_function("n => (" + PLOTTED + ")('loss-figure') >= n", arg=before)


def finish(page: Any) -> None:
    page.wait_for_selector("#run-status:has-text('done')", timeout=300_000)
    assert step_now(page) == 60
    page.wait_for_selector("#result:has-text('179 of 448, asked 179')")


def see_zero_groups(page: Any) -> None:
    page.wait_for_selector("#norms-now:has-text('of')", state="attached")
    page.wait_for_function("() => /−\\d/.test(document.querySelector('#graph-legend').innerText)")
    page.click("#norms-group")
    page.click("role=option[name='all groups']")
    page.wait_for_selector("#norms-now:has-text('179 zero of 448')")


def config_and_result_agree(server: Server, run_id: int) -> None:
    run = httpx.get(f"{server.url}/api/runs/{run_id}").json()
    assert run["config"]["layer_bits"] == {f"{LAYER}.weight": {"lower": 4, "upper": 6}}
    assert run["config"]["sparsity"] == 0.4
    bits = {q["id"]: q for q in run["summary"]["quantizers"]}
    assert 4 <= bits[f"{LAYER}.weight"]["bits"] <= 6
    assert run["summary"]["zero_units"] == 179


def compact_runs_in_plain_pytorch(page: Any, tmp_path: Path) -> None:
    with page.expect_download() as download:
        page.click("#export")
    file = tmp_path / "compact.pt2"
    download.value.save_as(file)
    ran = subprocess.run(
        [sys.executable, "-c", RUN_IT, str(file)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert ran.returncode == 0, ran.stderr
    shape, parameters = ran.stdout.rsplit(maxsplit=1)
    assert shape == "(3, 10)"
    assert int(parameters) < 272_186
