"""Workers as processes of this machine. No torch."""

from __future__ import annotations

import subprocess
import sys
import threading

from geta_engine.runs.workspace import Workspace


class LocalLauncher:
    """A worker is a process in a session of its own; what it prints goes to the `worker.log` of its run."""

    def submit(self, workspace: Workspace, run_id: int) -> None:
        """Start the process; see `Launcher.submit`."""
        command = [sys.executable, "-m", "geta_engine.runs.worker", "--store", workspace.store_url, str(run_id)]
        with open(workspace.worker_log(run_id), "ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()

    def is_working(self, workspace: Workspace, run_id: int) -> bool:
        """Whether a process holds the lock of the run; see `Launcher.is_working`."""
        return workspace.is_locked(run_id)
