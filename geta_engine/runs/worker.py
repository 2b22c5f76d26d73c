"""The process of a run: `python -m geta_engine.runs.worker --store URL RUN`, or several of them under torchrun.

It holds the run's lock, beats its heart, loads the traced model, goes on from the newest checkpoint, and writes what
the loop yields. torch is imported only once the store knows that the worker is there.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from geta_engine.documents.events import LogEvent, StepEvent
from geta_engine.documents.runs import RunSummary
from geta_engine.errors import GetaError, InputError
from geta_engine.runs.commands import CommandPoller, Stopped
from geta_engine.runs.control import model_name
from geta_engine.runs.process_tuning import reserve_one_core, tune_malloc
from geta_engine.runs.recorder import Heartbeat, Recorder
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store

if TYPE_CHECKING:
    from geta_engine.runs.checkpoints import Checkpoints
    from geta_engine.trace import TracedModel
    from geta_engine.training.loop import Loop

LOCK_SECONDS = 10.0
_log = logging.getLogger("geta.worker")


class Worker:
    """One run from its newest checkpoint to its end, or to the next stop."""

    def __init__(self, store: Store, workspace: Workspace, run_id: int) -> None:
        self._store = store
        self._workspace = workspace
        self._run_id = run_id
        self._recorder = Recorder(store, run_id)
        self._command_poller = CommandPoller(
            store, run_id, on_pause=self._checkpoint, on_single_step=self._recorder.flush
        )
        self._step = 0
        self._loop: Loop
        self._checkpoints: Checkpoints

    def run(self) -> None:
        """Train to the end and leave the run "done", "stopped" or "failed"; raises only when the store is gone."""
        self._command_poller.listen_to_signals()
        try:
            self._train()
        except Stopped:
            self._store.set_status(self._run_id, "stopped")
            _log.info("stopped at step %d", self._step)
        except GetaError as error:
            self._fail(str(error), refused=isinstance(error, InputError))
        except Exception as error:
            self._fail(f"the run ended on an internal error ({type(error).__name__}): its worker.log says more")

    def _fail(self, sentence: str, refused: bool = False) -> None:
        _log.exception("run %d failed at step %d", self._run_id, self._step)
        self._recorder.add(LogEvent(self._step, "error", sentence))
        self._recorder.flush()
        summary = self._store.get_run(self._run_id).summary
        summary["refused"] = refused
        self._store.set_status(self._run_id, "failed", error=sentence, summary=summary)

    def _train(self) -> None:
        from geta_engine.runs.checkpoints import Checkpoints
        from geta_engine.training.distributed import DistributedContext
        from geta_engine.training.loop import Loop

        reserve_one_core()
        tune_malloc()
        context = DistributedContext.from_environment()
        config = self._store.get_run(self._run_id).config
        self._checkpoints = Checkpoints(self._workspace.checkpoints(self._run_id))
        self._loop = Loop(load_model(self._workspace, self._run_id, config.model), config, context)
        self._restore()
        context.barrier()
        self._store.set_status(self._run_id, "running", summary=RunSummary(**self._loop.plan))
        self._consume_events(borders={end for _, _, end in config.schedule.stages()})
        self._loop.compact().save(self._workspace.compact_file(self._run_id))
        self._store.pop_commands(self._run_id)
        self._store.set_status(self._run_id, "done")

    def _restore(self) -> None:
        newest = self._checkpoints.newest()
        if newest is None:
            self._store.truncate(self._run_id, after=-1)
            return
        self._step, state = newest
        self._loop.restore(state)
        self._checkpoints.drop_after(self._step)
        self._store.truncate(self._run_id, after=self._step)
        self._recorder.add(LogEvent(self._step, "info", f"resumed from the checkpoint at step {self._step}"))

    def _consume_events(self, borders: set[int]) -> None:
        with closing(self._loop.events()) as events:
            for event in events:
                self._recorder.add(event)
                if isinstance(event, StepEvent):
                    self._step = event.step
                    if event.step in borders:
                        self._checkpoint()
                    self._check_commands()
        self._recorder.flush()

    def _check_commands(self) -> None:
        try:
            self._command_poller.check_commands()
        except Stopped:
            self._checkpoint()
            raise

    def _checkpoint(self) -> None:
        self._recorder.flush()
        self._checkpoints.save(self._step, self._loop.state())


def run_nonzero_rank(store: Store, workspace: Workspace, run_id: int) -> None:
    """Train beside the main process, from the same checkpoint to its end or stop; nothing is recorded."""
    from geta_engine.runs.checkpoints import Checkpoints
    from geta_engine.training.distributed import DistributedContext
    from geta_engine.training.loop import Loop

    tune_malloc()
    context = DistributedContext.from_environment()
    config = store.get_run(run_id).config
    loop = Loop(load_model(workspace, run_id, config.model), config, context)
    newest = Checkpoints(workspace.checkpoints(run_id)).newest()
    if newest is not None:
        loop.restore(newest[1])
    context.barrier()
    for _ in loop.events():
        pass


def load_model(workspace: Workspace, run_id: int, spec: str) -> TracedModel:
    """The traced model of a run: its model.pt2, which a zoo model is traced into the first time.

    Raises InputError for any other spec without its file: a worker runs no code that a spec names.
    """
    from geta_engine.trace import load

    path = workspace.model_file(run_id)
    if not path.is_file():
        from geta_engine.zoo.names import ZOO

        if spec not in ZOO:
            raise InputError(f"the traced model of run {run_id} ({spec!r}) is not among its artifacts: start a new run")
        load(spec).save(path)
    return dataclasses.replace(load(str(path)), name=model_name(spec))


def main(arguments: list[str] | None = None) -> None:
    """Work on one run. Raises BlockingIOError when another process keeps holding it."""
    parser = argparse.ArgumentParser(prog="python -m geta_engine.runs.worker", description="Work on one run.")
    parser.add_argument("--store", required=True)
    parser.add_argument("run", type=int)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    store, workspace = Store(given.store), Workspace(given.store)
    if int(os.environ.get("RANK", "0")):
        run_nonzero_rank(store, workspace, given.run)
    else:
        with workspace.lock_run(given.run, wait=LOCK_SECONDS), Heartbeat(store, given.run):
            store.set_status(given.run, "queued", pid=os.getpid())
            Worker(store, workspace, given.run).run()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from geta_engine.training.distributed import destroy_process_group

        destroy_process_group()


if __name__ == "__main__":
    main()
