"""A wheel that is built from the tree and installed elsewhere serves the studio with its assets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import ROOT, free_port

SOURCES = ("geta_engine", "geta_studio", "assets", "setup.py", "pyproject.toml", "README.md", "LICENSE")
NO_CHECKOUT = f"""
import sys

sys.path[:] = [path for path in sys.path if path != {str(ROOT)!r}]
sys.meta_path[:] = [
    finder for finder in sys.meta_path if not getattr(finder, "__module__", "").startswith("__editable__")
]
"""
"""A `sitecustomize` that takes back what an editable install of the checkout put in place."""


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has the packages of the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    source, target = folder / "source", folder / "installed"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, source)
    pip("install", "--no-deps", "--no-index", "--target", target, next(folder.glob("*.whl")))
    return target


def environment(folder: Path, *paths: Path) -> dict[str, str]:
    """Of a process that has the dependencies, `paths` and no checkout to import from."""
    hook = folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(NO_CHECKOUT)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (hook, *paths)))}


@pytest.fixture
def url(installed: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a studio that runs from the installed wheel, in a folder of its own."""
    port = free_port()
    store = f"sqlite:///{tmp_path}/geta.db"
    command = [
        sys.executable,
        "-m",
        "geta_engine.cli",
        "serve",
        "--port",
        str(port),
        "--store",
        store,
        "--model",
        "mlp",
    ]
    log = tmp_path / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=tmp_path, env=environment(tmp_path, installed))
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_first_answer(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def wait_for_first_answer(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while True:
        try:
            httpx.get(f"{address}/api/health")
            return
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)


def test_the_checkout_cannot_be_imported_beside_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Else the other tests here would pass whatever the wheel lacks."""
    find = "import geta_engine, geta_studio; print(geta_engine.__file__, geta_studio.__file__)"
    command = [sys.executable, "-c", find]
    without = subprocess.run(command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert "ModuleNotFoundError" in without.stderr
    given = subprocess.run(command, env=environment(tmp_path, installed), cwd=tmp_path, capture_output=True, text=True)
    assert all(Path(file).is_relative_to(installed) for file in given.stdout.split()), given.stdout + given.stderr


def test_an_installed_studio_serves_its_page_and_every_asset(url: str, installed: Path) -> None:
    page = httpx.get(url).text
    (base,) = re.findall(r'<script src="(/assets/[^"]*/)js/main.js" type="module">', page)
    files = [file.relative_to(ROOT / "assets").as_posix() for file in (ROOT / "assets").rglob("*") if file.is_file()]
    assert len(files) > 50
    for name in files:
        answer = httpx.get(f"{url}{base}{name}")
        assert (answer.status_code, answer.content) == (200, (ROOT / "assets" / name).read_bytes()), name
        if name.endswith(".js"):
            assert "javascript" in answer.headers["content-type"], name
    for sheet in ("app", "graph"):
        assert f'href="{base}css/{sheet}.css' in page
