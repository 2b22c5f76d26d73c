"""Start a run and send it commands; what a command means for a run without a live worker is decided here. No torch."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geta_engine.config import RunConfig
from geta_engine.documents.commands import Command
from geta_engine.documents.runs import RunRecord
from geta_engine.errors import InputError
from geta_engine.runs.launchers import local
from geta_engine.runs.workspace import Workspace
from geta_engine.store.runs import Store

Launcher = Callable[[str, int], int]
_ALLOWED: dict[Command, str] = {
    "pause": "a queued or running run can be paused",
    "step": "a paused run can do single steps",
    "stop": "a run that has not ended can be stopped",
    "resume": "a paused, stopped, failed or dead run can be resumed",
}
STARTING_SECONDS = 15.0
"""How long a worker that was just started may take to hold its run."""


def model_name(spec: str) -> str:
    """What to call the model of a spec: `dir/net.pt2` is "net", `package.module:make` is "make"."""
    return Path(spec.rpartition(":")[2]).stem or spec


def create(store: Store, workspace: Workspace, config: RunConfig, *, name: str, model_file: Path | None = None) -> int:
    """A new run and its artifacts folder, which `model_file` (a checked .pt2) is copied into. Returns the id."""
    run_id = store.create_run(config, config.model, name)
    if model_file is not None:
        shutil.copyfile(model_file, workspace.model_file(run_id))
    return run_id


def start(store: Store, workspace: Workspace, run_id: int, launcher: Launcher = local.launch) -> int:
    """Start a worker on a run that has none; it goes on from the newest checkpoint. Returns the process id."""
    store.pop_commands(run_id)
    store.set_status(run_id, "queued")
    return launcher(workspace.store_url, run_id)


def send(
    store: Store,
    workspace: Workspace,
    run_id: int,
    command: Command,
    args: dict[str, Any] | None = None,
    launcher: Launcher = local.launch,
) -> None:
    """Send a command to a run: to its live worker through the store, or, without one, by starting or ending the run.

    `args` of "step" is {"count": n}, 1 by default. Raises InputError when the run's status does not allow the command.
    """
    run = store.get_run(run_id)
    live = is_live(workspace, run)
    if not _allowed(command, run, live):
        status = "dead" if not live and run.status in ("running", "paused") else run.status
        raise InputError(f"run {run_id} is {status} and cannot take {command!r}: {_ALLOWED[command]}")
    if live:
        store.request(run_id, command, args)
    elif command == "stop":
        store.set_status(run_id, "stopped")
    else:
        start(store, workspace, run_id, launcher)


def delete(store: Store, workspace: Workspace, run_id: int) -> None:
    """Remove a run with its artifacts. Raises InputError while a worker is on it."""
    if is_live(workspace, store.get_run(run_id)):
        raise InputError(f"run {run_id} is being worked on: stop it before you delete it")
    store.delete_run(run_id)
    shutil.rmtree(workspace.artifacts(run_id), ignore_errors=True)


def is_live(workspace: Workspace, run: RunRecord) -> bool:
    """Whether a worker is on the run, or was started a moment ago and is still coming up."""
    if run.ended and run.status != "dead":
        return False
    starting = run.status == "queued" and run.heartbeat is not None and time.time() - run.heartbeat < STARTING_SECONDS
    return starting or workspace.is_locked(run.id)


def _allowed(command: Command, run: RunRecord, live: bool) -> bool:
    if command == "resume":
        return run.status != "done" and (run.status == "paused" or not live)
    if command == "stop":
        return not run.ended or run.status == "dead"
    return live and run.status in {"pause": ("queued", "running"), "step": ("paused",)}[command]
