"""The css, icons and scripts of the page: where they are, and how Dash serves them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geta_studio

if TYPE_CHECKING:
    from dash import Dash

SCRIPTS = "js"
ENTRY = f"{SCRIPTS}/main.js"
"""The one module that the page names; it imports the others."""


def assets_folder() -> Path:
    """`assets/` inside the installed package, else at the top level of a checkout."""
    package = Path(geta_studio.__file__).parent
    inside = package / "assets"
    return inside if (inside / ENTRY).is_file() else package.parent / "assets"


def version_of(folder: Path) -> str:
    """A name for the content of all files in a folder."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def asset_settings(folder: Path) -> dict[str, Any]:
    """Arguments of `Dash`: stylesheets as Dash finds them, and the entry as a module.

    The version is a part of every asset's path, so that a browser that kept a module of an older studio never mixes it
    with newer ones: modules import each other by relative paths. Dash leaves the modules alone, for it would name each
    of them in the page, and by another address than the one by which they import each other.
    """
    path = f"assets/{version_of(folder)}"
    return {
        "assets_folder": str(folder),
        "assets_url_path": path,
        "assets_path_ignore": [f"^{SCRIPTS}$"],
        "external_scripts": [{"src": f"/{path}/{ENTRY}", "type": "module"}],
    }


def preload_modules(app: Dash) -> None:
    """Name every module in the page, so that a browser fetches them beside Dash's scripts.

    By their imports alone it would find them level by level, each level once the main thread has time.
    """
    folder = Path(app.config.assets_folder)
    files = sorted(file.relative_to(folder).as_posix() for file in (folder / SCRIPTS).rglob("*.js"))
    links = "".join(f'<link rel="modulepreload" href="{app.get_asset_url(file)}">' for file in files)
    app.index_string = app.index_string.replace("{%renderer%}", "{%renderer%}" + links)


def render_after_modules(app: Dash) -> None:
    """Let Dash render once the modules have run, so that every clientside function is there when Dash calls one.

    A browser runs modules after it has parsed the page, and says DOMContentLoaded when they have run; Dash's own script
    at the end of the page would start while they are still on their way.
    """
    app.renderer = f"addEventListener('DOMContentLoaded', () => {{ {app.renderer} }});"
