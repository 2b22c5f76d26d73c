"""The web process: first byte, first paint of the graph, memory, and that no torch is mapped in it (Linux)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cases.first_picture import WATCH, seconds_to_first_picture  # noqa: E402
from tools.find_chromium import find  # noqa: E402

REPEATS = 5
START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_byte(url: str, started: float, server: subprocess.Popen[bytes], seconds: float = START_S) -> float:
    """Seconds from `started` to the first byte of the page; ends with a sentence where there is none in `seconds`."""
    end = time.perf_counter() + seconds
    last: object = "it was not asked"
    while (left := end - time.perf_counter()) > 0:
        if server.poll() is not None:
            raise SystemExit(f"the studio ended with code {server.returncode} before the first byte of {url}")
        try:
            urllib.request.urlopen(url, timeout=min(5, left)).read(1)
            return time.perf_counter() - started
        except (OSError, HTTPException) as error:  # what urllib raises is an OSError, or from http.client
            last = error
            time.sleep(0.01)
    raise SystemExit(f"the first byte of {url} did not come in {seconds:g} s ({last}): run app.py to see why")


def first_paint(url: str) -> float:
    """Seconds from opening the page to the first frame with the demo's graph."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.add_init_script(WATCH)
        seconds = seconds_to_first_picture(page, url)
        browser.close()
    return seconds


def memory_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure(folder: str) -> dict[str, float | bool]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    store = f"sqlite:///{folder}/geta.db"
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--store", store],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        byte = first_byte(url, started, server)
        paint = first_paint(url)
        maps = Path(f"/proc/{server.pid}/maps").read_text()
        return {
            "first_byte_s": byte,
            "first_paint_s": paint,
            "memory_mb": memory_mb(server.pid),
            "torch_mapped": "libtorch" in maps,
        }
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GETA_STORE": f"sqlite:///{folder}/geta.db"}
        subprocess.run([sys.executable, "-m", "geta_engine.analysis.warm"], check=True, env=environment)
        runs = [measure(folder) for _ in range(REPEATS)]
    median = {key: sorted(float(run[key]) for run in runs)[REPEATS // 2] for key in runs[0]}
    print(f"first byte {median['first_byte_s']:.2f} s, graph painted {median['first_paint_s']:.2f} s after opening, "
          f"{median['memory_mb']:.0f} MB, torch mapped: {any(run['torch_mapped'] for run in runs)}")  # fmt: skip
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "web.json").write_text(json.dumps({"runs": runs, "median": median}, indent=1))


if __name__ == "__main__":
    main()
