"""What has to go when a kind of file takes more of the disk than it may."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from geta_engine.disk_budget import Stored, beyond_budget, files_of

STORED = [Stored("new", 30, 4), Stored("old", 10, 4), Stored("middle", 20, 4)]


@pytest.mark.parametrize(
    ("budget", "gone"), [(12, []), (11, ["old"]), (8, ["old"]), (7, ["old", "middle"]), (0, ["old", "middle", "new"])]
)
def test_the_oldest_go_until_the_rest_fits(budget: int, gone: list[str]) -> None:
    assert beyond_budget(STORED, budget) == gone


def test_what_is_needed_stays_whatever_it_takes() -> None:
    assert beyond_budget(STORED, 4, lambda: {"old"}) == ["middle", "new"]
    assert beyond_budget(STORED, 0, lambda: {"old", "new", "middle"}) == []


def test_what_is_needed_is_asked_only_when_there_is_too_much() -> None:
    def never() -> set[str]:
        raise AssertionError("nothing has to go")

    beyond = beyond_budget(STORED, 12, never)
    assert beyond == []


def test_files_are_as_old_as_their_last_touch(tmp_path: Path) -> None:
    for age, name in enumerate("ab"):
        (tmp_path / name).write_text(name * 3)
        os.utime(tmp_path / name, (age, age))
    assert sorted(files_of(tmp_path)) == [Stored("a", 0, 3), Stored("b", 1, 3)]
