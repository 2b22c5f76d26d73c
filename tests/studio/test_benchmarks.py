"""The benchmarks of the studio end with a sentence when the studio does."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.graph_ui import until
from benchmarks.web import first_byte, free_port
from tools.studio import studio, wait_for


@pytest.mark.timeout(60)
def test_a_server_that_ends_before_it_answers_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ended with code 2 before it answered"), studio("nosuchmodel", tmp_path):
        pass


def test_a_server_that_never_answers_ends_the_benchmark() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as silent:
        with pytest.raises(SystemExit, match="did not answer in"):
            wait_for("http://127.0.0.1:9", silent, seconds=0.3)
        silent.kill()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that goes on and serves nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as idle:
        yield idle
        idle.kill()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "nobody answers"])
def test_a_first_byte_that_never_comes_ends_the_benchmark(listens: bool, process: subprocess.Popen[bytes]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(SystemExit, match=rf"the first byte of {url} did not come in 0.3 s \(.+\): run app.py"):
            first_byte(url, time.perf_counter(), process, seconds=0.3)


@pytest.mark.timeout(30)
def test_a_first_byte_of_a_server_that_ended_is_not_waited_for(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    url = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(SystemExit, match="ended with code -9 before the first byte"):
        first_byte(url, time.perf_counter(), process)


@pytest.mark.timeout(30)
def test_a_first_byte_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        assert 0 < first_byte(f"http://127.0.0.1:{port}/", started, server) <= time.perf_counter() - started
        server.kill()


@pytest.mark.timeout(60)
def test_a_page_that_stands_still_ends_the_benchmark(page: Any) -> None:
    assert until(page, "document.title = 'moved'", "document.title === 'moved'") < 5000
    with pytest.raises(SystemExit, match="did not come to `false`"):
        until(page, "", "false", seconds=0.3)
