"""The real server process: how soon, how large, without torch, and what it says when it cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import ROOT, Server, children, free_port, memory_mb


def test_the_server_is_a_small_process_without_torch(make_server: Callable[..., Server]) -> None:
    """How soon it answers is measured in `benchmarks/web.py`."""
    server = make_server()
    httpx.get(f"{server.url}/_dash-layout")
    assert memory_mb(server.pid) < 200
    assert "torch" not in Path(f"/proc/{server.pid}/maps").read_text()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_server(make_server: Callable[..., Server], sent: signal.Signals) -> None:
    server = make_server()
    helpers = wait_for(lambda: children(server.pid, "geta_engine.drawing.process"))
    server.stop(sent)
    assert wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in helpers))


def wait_for(look: Callable[[], Any]) -> Any:
    """The first true answer within 20 seconds."""
    end = time.monotonic() + 20
    while not (answer := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return answer


def test_pages_and_deep_links_are_served(server: Server) -> None:
    for path in ("/", "/runs", "/?model=resnet20&run=1&select=group:3"):
        answer = httpx.get(server.url + path)
        assert answer.status_code == 200
        assert "GETA Studio" in answer.text
        assert "://" not in answer.text.replace(server.url, ""), "something is loaded from elsewhere"


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "app.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_port_in_use_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = start("--port", str(port), "--store", f"sqlite:///{tmp_path}/geta.db")
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert str(port) in ended.stderr
    assert "PORT=" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--port", "70000"), "70000"),
        (("--store", "sqlite://"), "sqlite:///PATH"),
        (("--host", "203.0.113.9"), "--host"),
        (("--model", "resnet21"), "resnet21"),
        (("--model", "nowhere.pt2"), "nowhere.pt2"),
    ],
)
def test_what_cannot_be_served_is_one_sentence_and_exit_2(
    arguments: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    store = () if "--store" in arguments else ("--store", f"sqlite:///{tmp_path}/geta.db")
    ended = start("--port", str(free_port()), *store, *arguments)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert word in ended.stderr
