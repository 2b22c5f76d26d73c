"""Watch a run in the store until something is true of it, with a progress bar on stderr. No torch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from geta_engine.config import STAGES
from geta_engine.documents.runs import RunRecord
from geta_engine.runs import control
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store

POLL_SECONDS = 0.2


def wait_until(
    store: Store,
    workspace: Workspace,
    run_id: int,
    reached: Callable[[RunRecord], bool],
    timeout: float | None = None,
    show: Callable[[RunRecord], None] = lambda run: None,
) -> RunRecord:
    """The run once `reached` is true of it, once no worker is on it, or after `timeout` seconds."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        live = control.is_live(workspace, store.get_run(run_id))
        run = store.get_run(run_id)
        show(run)
        if reached(run) or not live or (deadline is not None and time.monotonic() >= deadline):
            return run
        time.sleep(POLL_SECONDS)


def watch(store: Store, workspace: Workspace, run_id: int) -> RunRecord:
    """Draw the run's progress until it has ended or its worker is gone."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(file=sys.stderr)
    with Progress(*columns, TextColumn("{task.fields[loss]}"), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None, loss="")

        def show(run: RunRecord) -> None:
            stage = STAGES[run.stage] if run.stage else "starting"
            description = stage if run.status == "running" else f"{stage} ({run.status})"
            bar.update(task, completed=run.step, total=run.steps, description=description, loss=_loss(store, run))

        return wait_until(store, workspace, run_id, lambda run: run.ended, show=show)


def _loss(store: Store, run: RunRecord) -> str:
    losses = store.steps(run.id, after=run.step - 1)["loss"]
    return f"loss {losses[-1]:.4g}" if len(losses) else ""
