"""Start the worker of a run as a process of its own on this machine. No torch."""

from __future__ import annotations

import subprocess
import sys
import threading

from geta_engine.runs.workspace import Workspace


def launch(store_url: str, run_id: int) -> int:
    """Start the worker in a session of its own, so that it outlives the caller; returns its process id.

    What it prints goes to `artifacts/<run>/worker.log`.
    """
    workspace = Workspace(store_url)
    command = [sys.executable, "-m", "geta_engine.runs.worker", "--store", workspace.store_url, str(run_id)]
    with open(workspace.worker_log(run_id), "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return process.pid
