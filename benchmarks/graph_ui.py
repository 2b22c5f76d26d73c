"""How fast the graph is in a browser: first picture, opening a module, overlays, hovering, panning and zooming."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.cases.first_picture import WATCH, seconds_to_first_picture
from tools.find_chromium import find
from tools.shaped_models import spec_of
from tools.studio import studio

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "graph_ui.json"
REACT_S = 60.0
"""A server that has not answered by then, or a page that has not moved, will not."""
CY = "document.getElementById('graph')._cyreg.cy"
FRAMES = """async ([gesture, seconds]) => {
  const cy = document.getElementById('graph')._cyreg.cy, box = document.getElementById('graph').getBoundingClientRect();
  const canvas = document.querySelector('#graph canvas'), extent = (node) => node.renderedBoundingBox();
  const under = (b, x, y) => x > b.x1 - 8 && x < b.x2 + 8 && y > b.y1 - 8 && y < b.y2 + 8;
  const free = (x, y) => !cy.nodes().some((node) => under(extent(node), x, y));
  let place = [box.width / 2, box.height / 2];
  for (let x = 40; x < box.width - 40; x += 13)
    for (let y = 80; y < box.height - 80; y += 17) if (free(x, y)) { place = [x, y]; x = Infinity; break; }
  const always = { bubbles: true, cancelable: true, button: 0, buttons: 1 };
  const send = (Kind, type, target, more) => target.dispatchEvent(new Kind(type, { ...always, ...more }));
  const at = (dx, dy) => ({ clientX: box.x + place[0] + dx, clientY: box.y + place[1] + dy });
  const back = (i, n) => (i % (2 * n) < n ? i % n : n - (i % n));
  const drag = (i) => send(MouseEvent, 'mousemove', window, at(3 * back(i, 40), 2 * back(i, 20)));
  const wheel = (i) => send(WheelEvent, 'wheel', canvas, { ...at(0, 0), deltaY: i % 40 < 20 ? 12 : -12 });
  const before = { zoom: cy.zoom(), ...cy.pan() };
  if (gesture === 'drag') send(MouseEvent, 'mousedown', canvas, at(0, 0));
  const started = performance.now();
  let frames = 0, moved = false;
  await new Promise(done => (function next(now) {
    if (now - started > 1000 * seconds) return done();
    (gesture === 'drag' ? drag : wheel)(frames);
    moved ||= cy.zoom() !== before.zoom || cy.pan().x !== before.x;
    frames += 1; requestAnimationFrame(next);
  })(started));
  if (gesture === 'drag') send(MouseEvent, 'mouseup', window, at(0, 0));
  if (!moved) throw new Error(`the graph did not move under ${gesture}`);
  return frames / seconds;
}"""
PRESS = "window.dash_clientside.set_props('graph-command', {{data: {{action: '{}', count: Math.random()}}}})"
UNTIL = """async ([act, ready, seconds]) => {
  const run = new Function(act), test = new Function('return ' + ready);
  const started = performance.now();
  run();
  while (!test()) {
    if (performance.now() - started > 1000 * seconds) return null;
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
  return performance.now() - started;
}"""


def memory_mb(pid: int) -> float:
    """Peak resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def first_paint(page: Any, url: str, repeats: int) -> float:
    """Seconds from opening the page to the graph on screen, the analysis and the layout being there."""
    page.add_init_script(WATCH)
    return median([seconds_to_first_picture(page, url) for _ in range(repeats + 1)][1:])


def until(page: Any, act: str, ready: str, seconds: float = REACT_S) -> float:
    """Milliseconds from an action in the page to the frame after `ready` holds; ends the benchmark where it never
    does."""
    taken = page.evaluate(UNTIL, [act, ready, seconds])
    if taken is None:
        raise SystemExit(f"the page did not come to `{ready}` in {seconds:g} s: has the studio ended?")
    return float(taken)


def opening(page: Any, repeats: int) -> float:
    """Median ms to open a closed module that was open before, and to close it."""
    scope = page.evaluate(f"() => {CY}.nodes('.row.scope')[0].id()")
    draws = "document.getElementById('graph-panel').dataset.draws"
    times = []
    for _ in range(2 * repeats + 2):
        before = page.evaluate(f"() => {draws}")
        times.append(until(page, f"{CY}.getElementById('{scope}|toggle').emit('tap')", f"{draws} !== '{before}'"))
        page.wait_for_timeout(200)
    return median(times[2:])


def overlay(page: Any, repeats: int) -> float:
    painted = f"{CY}.nodes('.painted').length > 0"
    times = []
    for _ in range(repeats):
        times.append(until(page, "window.dash_clientside.set_props('graph-overlay', {value: 'macs'})", painted))
        until(page, "window.dash_clientside.set_props('graph-overlay', {value: 'group'})", f"!({painted})")
    return median(times)


def hover(page: Any, repeats: int) -> float:
    times = []
    for i in range(repeats):
        node = f"{CY}.nodes('.row').filter(n => n.data('group') !== null)[{i}]"
        times.append(until(page, f"{node}.emit('mouseover')", f"{CY}.nodes('.member').length > 0"))
        until(page, f"{node}.emit('mouseout')", f"{CY}.nodes('.member').length === 0")
    return median(times)


def frame_rates(page: Any) -> tuple[float, float]:
    """Frames a second while the mouse drags the graph, and while its wheel zooms it."""
    pan, zoom = (float(page.evaluate(FRAMES, [gesture, 3])) for gesture in ("drag", "wheel"))
    return pan, zoom


def shown_after(page: Any, act: str) -> int:
    """Do something that draws the graph anew; how many nodes are on screen then."""
    draws = "document.getElementById('graph-panel').dataset.draws"
    before = page.evaluate(f"() => {draws}")
    page.evaluate(f"() => {act}")
    page.wait_for_function(f"() => {draws} !== '{before}'")
    page.wait_for_timeout(1500)
    return int(page.evaluate(f"() => {CY}.nodes('.row').length"))


def open_everything(page: Any) -> int:
    """Shape and mask ops and all modules, after the question; how many nodes are on screen then."""
    shown_after(page, "window.dash_clientside.set_props('graph-shape', {n_clicks: 1})")
    page.evaluate(f"() => {PRESS.format('all')}")
    page.wait_for_selector("#graph-question")
    return shown_after(page, PRESS.format("everything"))


def measure(model: str, folder: Path, budget: float, large: bool, repeats: int) -> list[dict[str, Any]]:
    from playwright.sync_api import sync_playwright

    name = Path(model).name
    rows: list[dict[str, Any]] = []

    def add(what: str, value: float, limit: float, unit: str, better: Callable[[float, float], bool]) -> None:
        verdict = "yes" if better(value, limit) else "NO"
        rows.append({"model": name, "what": what, "value": value, "budget": limit, "unit": unit})
        print(f"| {name} | {what} | {value:.4g} {unit} | {limit:g} {unit} | {verdict} |", flush=True)

    def under(value: float, limit: float) -> bool:
        return value <= limit

    def over(value: float, limit: float) -> bool:
        return value >= limit

    with studio(model, folder) as (url, pid), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(180_000)
        page.goto(url)
        page.wait_for_selector("#graph-panel[data-drawn]")
        add("first picture", first_paint(page, url, repeats), budget, "s", under)
        page.wait_for_timeout(2500)
        add("open or close a module", opening(page, repeats), 300, "ms", under)
        add("hover", hover(page, repeats), 50, "ms", under)
        on_screen = shown_after(page, PRESS.format("most"))
        add(f"overlay, {on_screen} nodes", overlay(page, repeats), 150, "ms", under)
        for least in (50, 30) if large else (50,):
            count = on_screen if least == 50 else open_everything(page)
            pan, zoom = frame_rates(page)
            add(f"pan, {count} nodes", pan, least, "frames/s", over)
            add(f"zoom, {count} nodes", zoom, least, "frames/s", over)
        add("memory of the web process", memory_mb(pid), 400, "MB", under)
        browser.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    print("| model | what | measured | budget | |\n|---|---|---|---|---|")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model, budget, large in (("resnet50", 1.5, False), (spec_of("qwen3-8b", folder), 2.5, True)):
            rows += measure(model, folder, budget, large, given.repeats)
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    RESULTS.write_text(json.dumps({"machine": machine, "repeats": given.repeats, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
