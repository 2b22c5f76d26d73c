"""The console script `geta`: thin commands over the engine, which is imported only inside the command that needs it."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from geta_engine.cli import export, models, runs
from geta_engine.cli.options import StoreUrl
from geta_engine.cli.output import main

commands = typer.Typer(
    help="Compress a PyTorch model: prune groups of units and choose bit widths together, and prove the result.",
    add_completion=False,
    rich_markup_mode=None,
)


def app() -> None:
    """The entry point; ends the process with the exit code. Libraries' warnings are shown only with `python -W`."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    sys.exit(main(commands, sys.argv[1:]))


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8050,
    model: Annotated[str | None, typer.Option(metavar="SPEC", help="The model to show first.")] = None,
    store_url: StoreUrl = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Start the studio."""
    from geta_studio.server.serve import serve as serve_studio

    serve_studio(host=host, port=port, model=model, store=store_url, open_browser=open_browser)


for command in (
    *(models.models, models.trace, models.analyze, models.verify),
    *(runs.run, runs.runs, runs.show, runs.pause, runs.resume, runs.stop),
    *(export.export, serve),
):
    commands.command()(command)
