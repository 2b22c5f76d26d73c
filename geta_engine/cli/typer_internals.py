"""The one private thing of typer that the command line uses: which errors are a wrong use of a command.

Typer exports BadParameter, and not the class above it, which a missing argument, an unknown option and an unknown
command raise too. Without it they could not be told from errors of ours. `tests/engine/cli/test_typer_internals.py`
says when it goes.
"""

from __future__ import annotations

from typing import Any

import typer

UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def usage_sentence(error: Any) -> str:
    """What a UsageError says, and which command's help to read."""
    where = error.ctx.command_path if error.ctx is not None else "geta"
    return f"{error.format_message().rstrip('.')}: see `{where} --help`"
