"""`geta export`: the compact model of a finished run, as files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from geta_engine.cli.options import (
    JsonPath,
    RunId,
    StoreUrl,
)
from geta_engine.cli.output import Output, require_folder
from geta_engine.cli.runs import open_store
from geta_engine.errors import InputError
from geta_engine.export.formats import require_formats


def export(
    run_id: RunId,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")],
    formats: Annotated[str, typer.Option("--format", help="pt2.")] = "pt2",
    store_url: StoreUrl = None,
    json_path: JsonPath = None,
) -> None:
    """Write the compact model of a finished run."""
    output = Output(json_path)
    require_formats(formats.split(","))
    store, workspace = open_store(store_url)
    record = store.get_run(run_id)
    source = workspace.compact_file(run_id)
    if record.status != "done" or not source.is_file():
        raise InputError(f"run {run_id} is {record.status} and has no compact model yet: export a run that is done")
    require_folder(out, "--out")
    target = Path(shutil.copy(source, out))
    output.write_json({"run": run_id, "files": [str(target)]})
    output.text(str(target))
