"""The benchmarks of the studio end with a sentence when the studio does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.graph_ui import until
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


@pytest.mark.timeout(60)
def test_a_page_that_stands_still_ends_the_benchmark(page: Any) -> None:
    assert until(page, "document.title = 'moved'", "document.title === 'moved'") < 5000
    with pytest.raises(SystemExit, match="did not come to `false`"):
        until(page, "", "false", seconds=0.3)
