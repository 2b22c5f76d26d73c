"""Start a run and send it commands; what a command means for a run without a live worker is decided here. No torch."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from geta_engine.config import RunConfig
from geta_engine.documents.commands import Command, Pause, Resume, Step, Stop, name_of
from geta_engine.documents.runs import RunHead, RunRecord
from geta_engine.errors import InputError
from geta_engine.runs.launchers import launcher_named
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store

_ALLOWED: dict[type[Command], str] = {
    Pause: "a queued or running run can be paused",
    Step: "a paused run can do single steps",
    Stop: "a run that has not ended can be stopped",
    Resume: "a paused, stopped, failed or dead run can be resumed",
}
STARTING_SECONDS = 15.0
"""How long a worker that was just started may take to hold its run."""


def model_name(spec: str) -> str:
    """What to call the model of a spec: `dir/net.pt2` is "net", `package.module:make` is "make"."""
    return Path(spec.rpartition(":")[2]).stem or spec


def create(
    store: Store,
    workspace: Workspace,
    config: RunConfig,
    *,
    name: str,
    model_file: Path | None = None,
    launcher: str = "local",
) -> int:
    """A new run and its folder of artifacts, which `model_file` (a checked .pt2) is copied into. Returns the id.

    Raises InputError for a launcher that is not known, or where the folder cannot be made.
    """
    launcher_named(launcher)
    run_id = store.create_run(config, config.model, name, launcher)
    workspace.create_artifacts(run_id)
    if model_file is not None:
        shutil.copyfile(model_file, workspace.model_file(run_id))
    return run_id


def start(store: Store, workspace: Workspace, run_id: int) -> None:
    """Start the first worker of a new run. Raises InputError where somebody else has started one."""
    if not _start(store, workspace, store.get_run(run_id)):
        raise InputError(f"run {run_id} has a worker already: `geta show {run_id}` tells where it stands")


def send(store: Store, workspace: Workspace, run_id: int, command: Command) -> None:
    """Send a command to a run: to its live worker through the store, or, without one, by starting or ending the run.

    Of several that resume a run at once, one starts a worker.

    Raises:
        InputError: there is no such run, its status does not allow the command, or its launcher is not known.
    """
    while True:
        run = store.get_run(run_id)
        live = is_live(workspace, run)
        if not _allowed(command, run, live):
            status = "dead" if not live and run.status in ("running", "paused") else run.status
            allowed = _ALLOWED[type(command)]
            raise InputError(f"run {run_id} is {status} and cannot take {name_of(command)!r}: {allowed}")
        if live:
            return store.send_command(run_id, command)
        if store.change_status(run, "stopped") if isinstance(command, Stop) else _start(store, workspace, run):
            return None


def _start(store: Store, workspace: Workspace, previous: RunRecord) -> bool:
    """Start a worker on a run that has none, on the newest checkpoint; False when the run has changed since."""
    launcher = launcher_named(previous.launcher)
    workspace.ensure_artifacts(previous.id)
    if not store.change_status(previous, "queued"):
        return False
    launcher.submit(workspace, previous.id)
    return True


def delete(store: Store, workspace: Workspace, run_id: int) -> None:
    """Remove a run with its artifacts. Raises InputError while a worker is on it."""
    if is_live(workspace, store.get_run(run_id)):
        raise InputError(f"run {run_id} is being worked on: stop it before you delete it")
    store.delete_run(run_id)
    shutil.rmtree(workspace.artifacts(run_id), ignore_errors=True)


def is_live(workspace: Workspace, run: RunRecord) -> bool:
    """Whether a worker is on the run, or was started a moment ago and is still coming up.

    Raises InputError for a launcher that is not known.
    """
    if run.ended and run.status != "dead":
        return False
    starting = run.status == "queued" and run.heartbeat is not None and time.time() - run.heartbeat < STARTING_SECONDS
    return starting or launcher_named(run.launcher).is_working(workspace, run.id)


def _allowed(command: Command, run: RunHead, live: bool) -> bool:
    match command:
        case Resume():
            return run.status != "done" and (run.status == "paused" or not live)
        case Stop():
            return not run.ended or run.status == "dead"
        case Pause():
            return live and run.status in ("queued", "running")
        case Step():
            return live and run.status == "paused"
