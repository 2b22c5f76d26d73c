"""Kept layouts: found by key alone, bounded in number, no reason to fail when they cannot be kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from geta_studio.services.layout_cache import LayoutFiles

KEYS = [f"{number:064x}" for number in range(6)]


def test_what_was_added_is_read_with_its_key(tmp_path: Path) -> None:
    files = LayoutFiles(tmp_path / "layout")
    assert files.read(KEYS[0]) is None
    assert files.add(KEYS[0], {"nodes": [1]}) == files.read(KEYS[0]) == {"nodes": [1], "key": KEYS[0]}


def test_the_oldest_make_room(tmp_path: Path) -> None:
    size = len(json.dumps({"key": KEYS[0]}))
    files = LayoutFiles(tmp_path, budget=3 * size)
    (tmp_path / f"{KEYS[0]}.7-7.part").write_text("{")
    os.utime(tmp_path / f"{KEYS[0]}.7-7.part", (0, 0))
    for age, key in enumerate(KEYS):
        files.add(key, {})
        os.utime(tmp_path / f"{key}.json", (age, age))
        assert files.read(KEYS[0])
    assert {key for key in KEYS if files.read(key)} == {KEYS[0], *KEYS[4:]}
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("key", ["", "..", "../secret", f"{KEYS[0]}\n", "G" * 64, None])
def test_other_files_are_never_read(tmp_path: Path, key: str | None) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "layout").mkdir()
    assert LayoutFiles(tmp_path / "layout").read(key) is None


def test_half_a_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / f"{KEYS[0]}.json").write_text('{"nodes": [')
    assert LayoutFiles(tmp_path).read(KEYS[0]) is None


def test_a_folder_that_cannot_be_written_loses_nothing_but_the_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, where the folder should be")
    files = LayoutFiles(tmp_path / "taken")
    assert files.add(KEYS[0], {"nodes": []}) == {"nodes": [], "key": KEYS[0]}
