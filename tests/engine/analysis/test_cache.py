"""Analyses on disk: found by key, within a budget."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from geta_engine.analysis import cache
from geta_engine.analysis.cache import AnalysisFiles, analysis_key
from geta_engine.errors import InputError

KEYS = [f"{number:064x}" for number in range(4)]


def write_analysis(files: AnalysisFiles, key: str, age: float) -> None:
    """An analysis of 100 bytes, its log included, that was last used at `age`."""
    files.path(key).write_text(json.dumps({"key": key[:20], "pad": "x" * 40}).ljust(90))
    files.log(key).write_text("x" * 10)
    for path in (files.path(key), files.log(key)):
        os.utime(path, (age, age))


def test_the_analyses_not_read_for_longest_go_but_for_those_needed(tmp_path: Path) -> None:
    files = AnalysisFiles(tmp_path, budget=200)
    for age, key in enumerate(KEYS):
        write_analysis(files, key, age)
    assert files.read(KEYS[1])
    files.make_room(lambda: {KEYS[0]})
    assert [key for key in KEYS if files.read(key)] == [KEYS[0], KEYS[1]]
    assert files.log(KEYS[0]).exists() and not files.log(KEYS[2]).exists()


def test_what_was_left_half_written_goes_too(tmp_path: Path) -> None:
    files = AnalysisFiles(tmp_path, budget=100)
    half = tmp_path / f"{KEYS[0]}.77.partial"
    half.write_text("{")
    os.utime(half, (0, 0))
    write_analysis(files, KEYS[1], 1)
    files.make_room()
    assert not half.exists() and files.read(KEYS[1])


def test_an_analysis_is_removed_with_its_log(tmp_path: Path) -> None:
    files = AnalysisFiles(tmp_path)
    write_analysis(files, KEYS[0], 0)
    files.remove(KEYS[0])
    files.remove(KEYS[1])
    assert list(tmp_path.iterdir()) == []


def test_half_a_document_counts_as_none(tmp_path: Path) -> None:
    files = AnalysisFiles(tmp_path)
    files.path(KEYS[0]).write_text('{"graph": ')
    assert files.read(KEYS[0]) is None


def test_two_files_of_one_name_have_two_keys(tmp_path: Path) -> None:
    keys = set()
    for text in ("one", "another"):
        (tmp_path / "net.pt2").write_text(text)
        keys.add(analysis_key(str(tmp_path / "net.pt2")))
    assert len(keys) == 2


def test_a_file_named_by_its_hash_is_not_read_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"{KEYS[1]}.pt2"
    path.write_text("a large model")
    monkeypatch.delattr(cache.hashlib, "file_digest")
    assert len(analysis_key(str(path))) == 64


@pytest.mark.parametrize("spec", ["nope", "os:getcwd", "evil.py:make", "missing.pt2", "hf:dir"])
def test_what_is_no_model_has_no_key(spec: str) -> None:
    with pytest.raises(InputError):
        analysis_key(spec)
