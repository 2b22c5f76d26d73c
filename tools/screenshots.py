"""Pictures of the graph for the documentation: `python tools/screenshots.py [--model NAME ...] [--out FOLDER]`.

Starts the studio on each model with a store of its own, waits for the first view, and writes
graph-{model}-{1280,1920}-{light,dark}.png; for resnet20 also graph-resnet20-{protanopia,deuteranopia,tritanopia}.png,
as Chromium simulates these kinds of sight. `--model stages` is ResNet8 exported with its quantizers, and run: it writes
stage-{trace,branches,qadg,groups,compact}-{light,dark}.png. `--model run` is a finished run of ResNet20 as it is
launched, studio.png, and its compact model beside it, beside.png.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from tools.find_chromium import find  # noqa: E402
from tools.shaped_models import SHAPED, spec_of  # noqa: E402
from tools.studio import studio  # noqa: E402

MODELS = ("resnet20", *SHAPED, "stages", "run")
STAGES = ("trace", "branches", "qadg", "groups", "compact")
SHORT_RUN = """
schedule: {warmup: 100, projection: 60, projection_periods: 2, joint: 120, joint_periods: 4, cooldown: 120}
"""
SIZES = ((1280, 720), (1920, 1080))
SCHEMES = ("light", "dark")
DEFICIENCIES = ("protanopia", "deuteranopia", "tritanopia")
DRAWN = "#graph-panel[data-drawn]"


@contextmanager
def opened(browser: Any, url: str, size: tuple[int, int], scheme: str) -> Iterator[Any]:
    """A page with its first graph drawn and everything beside it settled."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(DRAWN, timeout=180_000)
    page.wait_for_selector("#dock-figures .js-plotly-plot:visible, #dock-empty:visible", timeout=60_000)
    page.wait_for_timeout(2500)
    yield page
    context.close()


def first_views(browser: Any, url: str, name: str, out: Path) -> None:
    for size in SIZES:
        for scheme in SCHEMES:
            with opened(browser, url, size, scheme) as page:
                page.screenshot(path=out / f"graph-{name}-{size[0]}-{scheme}.png")


def simulated(browser: Any, url: str, name: str, out: Path) -> None:
    """The light view as people see it who lack a kind of cone."""
    with opened(browser, url, SIZES[0], "light") as page:
        session = page.context.new_cdp_session(page)
        for kind in DEFICIENCIES:
            session.send("Emulation.setEmulatedVisionDeficiency", {"type": kind})
            page.screenshot(path=out / f"graph-{name}-{kind}.png")


def run(model: str, folder: Path, *settings: str) -> None:
    """A finished run in the store of `studio(model, folder)`."""
    command = [sys.executable, "-m", "geta_engine.cli", "run", model, "--data", "digits", *settings]
    subprocess.run([*command, "--store", f"sqlite:///{folder}/geta.db"], cwd=ROOT, check=True)


def stages(browser: Any, folder: Path, out: Path) -> None:
    """The construction step by step, up to what a short run leaves."""
    import geta_engine as ge

    plain = ge.load("resnet8")
    prepared = ge.prepare(plain, ge.analyze(plain, activations=True))
    file = folder / "resnet8-quantized.pt2"
    ge.trace(prepared.program, plain.example_args).save(file)
    (folder / "short.yaml").write_text(SHORT_RUN)
    run(str(file), folder, "--config", str(folder / "short.yaml"))
    with studio(str(file), folder) as (url, _):
        for stage in STAGES:
            for scheme in SCHEMES:
                with opened(browser, f"{url}/?model=given&run=1&stage={stage}", SIZES[0], scheme) as page:
                    page.screenshot(path=out / f"stage-{stage}-{scheme}.png")


def finished(browser: Any, folder: Path, out: Path) -> None:
    """A whole run, and what it left beside the dense model."""
    run("resnet20", folder, "--sparsity", "0.5", "--bits", "4:8")
    with (
        studio("resnet20", folder) as (url, _),
        opened(browser, f"{url}/?model=resnet20&run=1", SIZES[1], "light") as page,
    ):
        page.screenshot(path=out / "studio.png")
        page.click("text=View ▾")
        page.click("text=Beside it: compact model of run 1")
        page.wait_for_selector("#graph-panel[data-compared='compact-1']", timeout=60_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=out / "beside.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=MODELS, help="this one only; may be given again")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    from playwright.sync_api import sync_playwright

    with sync_playwright() as play, tempfile.TemporaryDirectory() as name:
        browser = play.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        for model in given.model or MODELS:
            folder = Path(name) / model
            folder.mkdir()
            if model in ("stages", "run"):
                (stages if model == "stages" else finished)(browser, folder, given.out)
                continue
            with studio(spec_of(model, folder), folder) as (url, _):
                first_views(browser, url, model, given.out)
                if model == "resnet20":
                    simulated(browser, url, model, given.out)
        browser.close()


if __name__ == "__main__":
    main()
