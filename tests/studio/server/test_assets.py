"""How the page names its assets: one module, whose address changes with the content of any of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest
from serving import Server

from geta_studio.server.assets import ENTRY, SCRIPTS, asset_settings, assets_folder, version_of

IMPORT = re.compile(r'from "([^"]+)"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the assets."""
    return Path(shutil.copytree(assets_folder(), tmp_path / "assets"))


def entry_of(folder: Path) -> str:
    (script,) = asset_settings(folder)["external_scripts"]
    return str(script["src"])


def test_a_module_that_changes_has_another_address_and_so_have_those_that_import_it(folder: Path) -> None:
    """A browser may keep what it has under an address; modules import each other by relative paths."""
    before = entry_of(folder)
    assert entry_of(folder) == before
    camera = folder / SCRIPTS / "graph" / "camera.js"
    camera.write_text(camera.read_text() + "\n")
    after = entry_of(folder)
    assert after != before
    assert after.removesuffix(ENTRY) != before.removesuffix(ENTRY)


def test_the_version_tells_names_and_contents_apart(tmp_path: Path) -> None:
    versions = set()
    for number, files in enumerate(({"a": "bc", "d": ""}, {"a": "b", "d": "c"}, {"ab": "c", "d": ""}, {"a": "bc"})):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        versions.add(version_of(folder))
    assert len(versions) == 4


def test_the_page_names_one_module_and_the_stylesheets(server: Server) -> None:
    answer = httpx.get(server.url)
    entry = entry_of(assets_folder())
    assert re.findall(r'<script src="(/assets/[^"]*)"([^>]*)>', answer.text) == [(entry, ' type="module"')]
    sheets = re.findall(r'<link rel="stylesheet" href="(/assets/[^"?]*)', answer.text)
    assert [sheet.rpartition("/")[2] for sheet in sheets] == ["app.css", "graph.css"]
    for address in (entry, *sheets):
        assert httpx.get(server.url + address).headers["content-type"].startswith(("text/javascript", "text/css"))
    other_version = httpx.get(server.url + entry.replace(version_of(assets_folder()), "0" * 16))
    assert "javascript" not in other_version.headers["content-type"]


def test_the_page_names_every_module_for_the_browser_to_fetch_at_once(server: Server) -> None:
    named = re.findall(r'<link rel="modulepreload" href="([^"]*)"', httpx.get(server.url).text)
    folder = assets_folder()
    root = entry_of(folder).removesuffix(ENTRY)
    assert named == sorted(root + file.relative_to(folder).as_posix() for file in (folder / SCRIPTS).rglob("*.js"))


def test_every_module_that_is_imported_is_there(folder: Path) -> None:
    """The linter does not follow an import to a file that does not exist."""
    modules = sorted((folder / SCRIPTS).rglob("*.js"))
    imports = {module: [module.parent / name for name in IMPORT.findall(module.read_text())] for module in modules}
    missing = [str(actual) for names in imports.values() for actual in names if not actual.is_file()]
    assert missing == []
    reached, waiting = set(), [(folder / ENTRY).resolve()]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += [actual.resolve() for actual in imports[module]]
    assert reached == {module.resolve() for module in modules}, "modules that the entry does not lead to"
