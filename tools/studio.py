"""The studio in a process of its own, for benchmarks and pictures."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
START_S = 60.0


@contextmanager
def studio(model: str, folder: Path) -> Iterator[tuple[str, int]]:
    """A server with `model` analysed: its address and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "app.py",
        "--port",
        str(port),
        "--store",
        f"sqlite:///{folder}/geta.db",
        "--model",
        model,
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, process)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = START_S) -> None:
    """Wait for the server's first answer; end with a sentence where there will be none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(
                f"the studio ended with code {process.returncode} before it answered: run app.py to see why"
            )
        try:
            httpx.get(f"{url}/api/health")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"the studio did not answer in {seconds:g} s: is the machine busy?")
