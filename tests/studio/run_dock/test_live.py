"""The page in a real browser: what survives tabs, reloads and restarts, and what happens to bad input."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import ROOT, Server

from geta_engine.config import RunConfig
from geta_engine.documents.events import StepEvent
from geta_engine.store import Store

POINTS = "() => document.querySelector('#loss-figure .js-plotly-plot')?._fullData?.[0]?._length ?? 0"


class Recorder:
    """A run that a thread of the test writes into the server's store, a step at a time."""

    def __init__(self, url: str) -> None:
        self._store = Store(url)
        self.run_id = self._store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
        self.step = 0
        self._ended = threading.Event()
        self._store.set_status(self.run_id, "running")
        self._thread = threading.Thread(target=self._record)
        self._thread.start()

    def _record(self) -> None:
        while not self._ended.wait(0.1):
            self.step += 1
            self._store.append(self.run_id, [StepEvent(self.step, 1 / self.step, None, 0.1, 0.0, 0.2)])

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def recorder(server: Server) -> Iterator[Recorder]:
    recorder = Recorder(server.store)
    yield recorder
    recorder.end()


def shows_step(page: Any, step: int) -> None:
    page.wait_for_function("n => (" + POINTS + ")() >= n", arg=step)
    page.wait_for_function(
        "n => parseInt(document.querySelector('#run-step').innerText.split(' ')[1].replace(',', '')) >= n", arg=step
    )


def test_tabs_and_restarts_find_the_run_again(server: Server, page: Any, recorder: Recorder) -> None:
    page.goto(server.url)
    shows_step(page, 1)
    assert f"run={recorder.run_id}" in page.url
    other = page.context.new_page()
    other.goto(f"{server.url}/?run={recorder.run_id}")
    shows_step(other, recorder.step)
    shows_step(page, recorder.step)
    other.close()
    shows_step(page, recorder.step + 5)
    server.stop()
    server.start()
    shows_step(page, recorder.step)
    page.reload()
    shows_step(page, recorder.step)


def test_zoom_is_kept_while_data_comes_in(server: Server, page: Any, recorder: Recorder) -> None:
    page.goto(server.url)
    shows_step(page, 10)
    plot = "document.querySelector('#loss-figure .js-plotly-plot')"
    box = page.locator("#loss-figure .draglayer .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_function(f"() => {plot}._fullLayout.xaxis.range[0] > 1")
    zoomed = page.evaluate(f"() => {plot}._fullLayout.xaxis.range")
    page.wait_for_function(
        "n => document.querySelector('#run-step').innerText.split(' ')[1] > n", arg=recorder.step + 5
    )
    assert page.evaluate(f"() => {plot}._fullLayout.xaxis.range") == pytest.approx(zoomed)


def test_bad_input_is_a_sentence_and_nothing_is_lost(shared_server: Server, page: Any) -> None:
    page.goto(shared_server.url)
    page.wait_for_selector("#launch:not([disabled])")
    for field, bad, words in (
        ("#sparsity-input", "1.2", "0 <= sparsity < 1"),
        ("#bits-lower", "9", "bits 9:8"),
        ("#bits-upper", "40", "bits 4:40"),
        ("#schedule-joint", "101", "whole multiple"),
        ("#data-select", "mnist:/nowhere", "/nowhere"),
        ("#lr", "0", "greater than 0"),
    ):
        good = page.input_value(field)
        page.fill(field, bad)
        page.wait_for_selector(f"#config-errors:has-text('{words}')")
        assert page.is_disabled("#launch")
        page.fill(field, good)
        page.wait_for_selector("#launch:not([disabled])")
    assert page.locator("#config-errors").inner_text() == ""


@pytest.fixture
def traced(tmp_path: Path) -> Path:
    file = tmp_path / "mine.pt2"
    command = [sys.executable, "-m", "geta_engine.cli", "trace", "lenet", "-o", str(file)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return file


@pytest.mark.slow
def test_uploads(make_server: Callable[..., Server], page: Any, tmp_path: Path, traced: Path) -> None:
    server = make_server(GETA_MAX_UPLOAD_MB="1")
    page.goto(server.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    text, large = tmp_path / "text.pt2", tmp_path / "large.pt2"
    text.write_text("this is no archive")
    large.write_bytes(b"0" * 1_000_001)
    for file, words in ((text, "'text.pt2' is not"), (large, "too large")):
        page.set_input_files("#model-upload input", file)
        page.wait_for_selector(f'#model-status.failed:has-text("{words}")')
        assert page.input_value("#model-select") == "resnet20"
        assert page.is_enabled("#launch")
    page.set_input_files("#model-upload input", traced)
    page.wait_for_selector("#model-summary:has-text('21.4 k parameters')")
    page.wait_for_function("() => location.search.startsWith('?model=upload-')")
    page.wait_for_selector("#launch:not([disabled])")
    assert page.input_value("#model-select") == "mine.pt2"
    page.focus("#model-delete")
    for answer, left in (("Keep it", True), ("Delete", False)):
        page.keyboard.press("Enter")
        page.wait_for_selector("#model-confirm-text:has-text('mine.pt2')")
        page.focus(f"[role=dialog] button:text-is('{answer}')")
        page.keyboard.press("Enter")
        page.wait_for_selector("#model-confirm-text", state="hidden")
        assert any((tmp_path / "models").iterdir()) is left
        page.wait_for_function(
            "() => document.activeElement.id === 'model-delete' || !location.search.includes('upload')"
        )
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    assert page.input_value("#model-select") == "resnet20"
    assert page.is_hidden("#model-delete")


def test_the_runs_page_opens_and_deletes(server: Server, page: Any) -> None:
    store = Store(server.store)
    runs = [store.create_run(RunConfig(model=model), model, model) for model in ("mlp", "lenet")]
    for run in runs:
        store.set_status(run, "stopped")
    page.goto(f"{server.url}/runs")
    page.click("#runs-grid .ag-row:has-text('mlp')")
    page.click("#runs-delete:not([disabled])")
    page.click("#runs-delete-cancel")
    page.wait_for_selector("#runs-delete-now", state="hidden")
    assert len(store.list_runs()) == 2
    page.click("#runs-delete")
    page.click("#runs-delete-now")
    page.wait_for_selector("#runs-grid .ag-row:has-text('mlp')", state="detached")
    assert [run.id for run in store.list_runs()] == runs[1:]
    page.click("#runs-grid .ag-row:has-text('lenet')")
    page.click("#runs-open:not([disabled])")
    page.wait_for_selector("#graph-panel[data-drawn='lenet']")
    page.wait_for_function("id => location.search.includes(`run=${id}`)", arg=runs[1])


@pytest.mark.slow
def test_the_scheme_is_kept(shared_server: Server, page: Any) -> None:
    scheme = "() => document.documentElement.dataset.mantineColorScheme"
    page.goto(shared_server.url)
    page.wait_for_selector("#theme-switch")
    page.wait_for_function("() => document.documentElement.dataset.mantineColorScheme === 'light'")
    page.click("#theme-switch")
    page.wait_for_function("() => document.documentElement.dataset.mantineColorScheme === 'dark'")
    page.reload()
    page.wait_for_selector("#theme-switch")
    assert page.evaluate(scheme) == "dark"


def test_nothing_is_loaded_from_elsewhere(shared_server: Server, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(shared_server.url)
    page.wait_for_selector("#launch:not([disabled])")
    assert [url for url in asked if not url.startswith((shared_server.url, "data:", "blob:"))] == []


def test_a_tab_in_the_back_asks_nothing(shared_server: Server, page: Any) -> None:
    asked = "() => window.dash_component_api.getLayout('tick-due').props.data ?? 0"
    ticks = "() => window.dash_component_api.getLayout('tick').props.n_intervals ?? 0"
    page.goto(shared_server.url)
    page.wait_for_selector("#graph-panel[data-drawn]")
    page.wait_for_function(f"() => ({asked})() >= 1")
    page.evaluate("() => Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
    before = page.evaluate(ticks)
    page.wait_for_function(f"n => ({ticks})() >= n + 3", arg=before)
    assert page.evaluate(asked) <= before
    page.evaluate("() => { delete document.hidden; }")
    page.wait_for_function(f"n => ({asked})() > n + 3", arg=before)
