"""The contract of a launcher: how the worker of a run is started, and how to ask whether it is there."""

from __future__ import annotations

from typing import Protocol

from geta_engine.runs.workspace import Workspace


class Launcher(Protocol):
    """Starts workers somewhere: processes of this machine, or jobs of a cluster.

    Whatever it starts is `python -m geta_engine.runs.worker --store URL RUN`, which tells all else to the store. So a
    launcher keeps no state: the run is looked up anew in every call, from any process and thread.
    """

    def submit(self, workspace: Workspace, run_id: int) -> None:
        """Start a worker on a run, so that it outlives the caller; return before it trains.

        The caller has won the run (`Store.change_status` to "queued"), so that no other worker is being started.

        Args:
            workspace: where the store and the artifacts of the run are.
            run_id: a run of the store, whose folder of artifacts is there.

        Raises:
            OSError: the worker cannot be started here.
        """

    def is_working(self, workspace: Workspace, run_id: int) -> bool:
        """Whether a worker is on a run now. Exact at once after the worker was killed, and without effect on it.

        Args:
            workspace: where the store and the artifacts of the run are.
            run_id: any run, also one that never had a worker.

        Returns:
            True while a worker holds the run; a worker that still starts does not hold it yet.
        """
