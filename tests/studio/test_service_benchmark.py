"""The benchmark of the services measures every case on small stores, and says so where one cannot be measured."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest

from benchmarks.cases.tab import Tab
from benchmarks.services import CASES, ROOT, measure, table_line
from tools.studio import studio


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small stores."""
    folder = tmp_path_factory.mktemp("stores")
    assert measure(ROOT, "prepare", folder, "small") == []
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_each_case_measures_under_names_of_its_own(case: str, folder: Path) -> None:
    rows = measure(ROOT, case, folder, "small")
    assert len({row["what"] for row in rows}) == len(rows) >= 3
    assert all(math.isfinite(row["value"]) and row["value"] >= 0 for row in rows)
    assert sum(row["value"] for row in rows) > 0


def test_a_case_that_fails_ends_the_benchmark_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"(?s)the case nothing of .* ended with 1: .*KeyError: 'nothing'"):
        measure(ROOT, "nothing", tmp_path, "small")


def test_a_line_stands_beside_the_other_checkout_and_its_budget() -> None:
    row = {"what": "live status", "value": 7.0, "unit": "ms", "budget": 5}
    assert table_line(row, None) == "| live status | 7 | ms | <= 5: NO |"
    assert table_line({**row, "value": 5}, {**row, "value": 70}) == "| live status | 70 | 5 | ms | <= 5: yes |"
    assert table_line({"what": "files", "value": 0, "unit": "files"}, None) == "| files | 0 | files |  |"


@pytest.mark.timeout(120)
def test_a_tab_is_answered_and_hears_that_the_server_went(tmp_path: Path) -> None:
    tick = {"tick-due.data": 1, "run-id.data": None}
    with studio("mlp", tmp_path) as (url, pid), Tab(url) as tab:
        assert tab.call("live.data", tick).result(30)["live"]["data"]["run"] is None
        os.kill(pid, signal.SIGSTOP)
        unanswered = tab.call("live.data", tick)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ConnectionError, match="the server closed the connection"):
            unanswered.result(30)
