"""What people can type is documented: every command and flag, every field of a configuration, every REST route."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from geta_engine.cli.app import commands
from geta_engine.config import RunConfig
from geta_engine.runs.workspace import Workspace
from geta_studio.server.app import create_app
from geta_studio.services.services import Services

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COMMANDS: dict[str, Any] = typer.main.get_command(commands).commands  # type: ignore[attr-defined]


def section(page: str, heading: str) -> str:
    """What stands under a heading of a page, to the next one of its kind."""
    text = (DOCS / page).read_text()
    actual = re.search(rf"^## {re.escape(heading)}\b.*?$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert actual is not None, f"docs/{page} has no section {heading!r}"
    return actual[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_flag_is_documented(name: str) -> None:
    text = section("cli.md", f"geta {name}")
    flags = [flag for option in COMMANDS[name].params for flag in (*option.opts, *option.secondary_opts)]
    missing = {flag for flag in flags if flag.startswith("-") and not re.search(rf"`{flag}\b", text)}
    assert not missing, f"docs/cli.md does not name these flags of `geta {name}`"


def test_only_commands_that_exist_are_documented() -> None:
    assert set(re.findall(r"^## geta (\w+)", (DOCS / "cli.md").read_text(), re.M)) == set(COMMANDS)


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert not {name for name in COMMANDS if not re.search(rf"`(geta )?{name}\b", text)}


def fields(model: type[BaseModel]) -> set[str]:
    """The names of all fields of a model and of the models inside it."""
    nested = [f.annotation for f in model.model_fields.values() if isinstance(f.annotation, type)]
    return set(model.model_fields).union(*(fields(inner) for inner in nested if issubclass(inner, BaseModel)))


def test_every_configuration_field_is_documented() -> None:
    block = re.search(r"```yaml\n(.*?)```", (DOCS / "config.md").read_text(), re.S)
    assert block is not None
    documented = set(re.findall(r"(?:^\s*|[{,]\s*)(\w+):", block[1], re.M))
    assert fields(RunConfig) - {"model"} <= documented


def test_every_rest_route_is_documented(tmp_path: Path) -> None:
    services = Services(Workspace(f"sqlite:///{tmp_path}/geta.db"))
    try:
        paths: dict[str, dict[str, Any]] = create_app(services).server.openapi()["paths"]
    finally:
        services.close()
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods if "/api/" in path}
    assert routes == set(
        re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`", (DOCS / "rest.md").read_text(), re.M)
    )
