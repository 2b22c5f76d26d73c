"""What the command line says: JSON or a short table on stdout, one line on stderr for what went wrong. No torch."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from geta_engine.cli.typer_internals import UsageError, usage_sentence
from geta_engine.errors import GetaError, InputError

TRACEBACK_VARIABLE = "GETA_TRACEBACK"


class Output:
    """Where the results of a command go: `--json F` ("-" is stdout, and then nothing else goes there), else people.

    Raises InputError at once when F cannot be written, so that no run is made in vain.
    """

    def __init__(self, json_path: str | None) -> None:
        self._path = json_path
        if json_path not in (None, "-"):
            require_writable(Path(json_path), "--json")

    def write_json(self, document: Any) -> None:
        """Write the results where --json says, if it was given."""
        text = json.dumps(_finite(document), indent=2, allow_nan=False)
        if self._path == "-":
            print(text)
        elif self._path is not None:
            Path(self._path).write_text(text + "\n")

    def text(self, text: str) -> None:
        if self._path != "-":
            print(text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        if self._path == "-":
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(escape(display_value(value)) for value in row))
        Console().print(table)


def require_writable(path: Path, option: str) -> None:
    """Raises InputError unless a file can be made at `path`."""
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise InputError(
            f"{option} was given as {str(path)!r}, where no file can be written: give a file in a folder of yours"
        )


def require_folder(path: Path, option: str) -> None:
    """Make a folder at `path`; raises InputError when nothing can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"which cannot be a folder ({error.strerror})"
        raise InputError(f"{option} was given as {str(path)!r}, {reason}: give a folder of yours") from None
    require_writable(path / "file", option)


def print_error(sentence: str) -> None:
    """One line on stderr, whatever line breaks the sentence came with."""
    print(f"geta: {' '.join(sentence.split())}", file=sys.stderr)


def main(commands: typer.Typer, arguments: list[str]) -> int:
    """Run a command; 0 done, 1 a check failed, 2 bad input, each failure in one line without a traceback."""
    command = typer.main.get_command(commands)
    try:
        return command.main(arguments or ["--help"], prog_name="geta", standalone_mode=False) or 0
    except UsageError as error:
        print_error(usage_sentence(error))
        return 2
    except InputError as error:
        print_error(str(error))
        return 2
    except GetaError as error:
        print_error(str(error))
        return 1
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        print_error(f"an internal error ({type(error).__name__}: {error}); {TRACEBACK_VARIABLE}=1 shows where")
        return 1


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def display_value(value: object) -> str:
    """A value as people read it: four digits of a fraction, "-" for nothing."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
