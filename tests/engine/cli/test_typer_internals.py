"""What typer raises for a wrong use of a command is still one class with a sentence and a command."""

from __future__ import annotations

import pytest
import typer

from geta_engine.cli.app import commands
from geta_engine.cli.typer_internals import UsageError, usage_sentence


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "No such command 'nothing': see `geta --help`"),
        (["analyze"], "see `geta analyze --help`"),
        (["analyze", "mlp", "--nothing"], "No such option: --nothing: see `geta analyze --help`"),
        (["stop", "seven"], "see `geta stop --help`"),
    ],
)
def test_a_wrong_use_is_one_error_with_a_sentence(arguments, says):
    assert UsageError.__name__ == "UsageError", "typer has moved the class above BadParameter"
    with pytest.raises(UsageError) as caught:
        typer.main.get_command(commands).main(arguments, prog_name="geta", standalone_mode=False)
    assert says in usage_sentence(caught.value)
