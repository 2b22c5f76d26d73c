"""Folders follow from the URL of the store; a run is held by one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace

HOLDER = """
import sys, time
from geta_engine.runs.workspace import Workspace
workspace = Workspace(sys.argv[1])
workspace.create_artifacts(3)
with workspace.lock_run(3):
    print("held", flush=True)
    time.sleep(60)
"""
ASKER = """
import sys
from geta_engine.runs.workspace import Workspace
workspace = Workspace(sys.argv[1])
print("asking", flush=True)
while True:
    workspace.is_locked(3)
"""


def test_the_folder_is_the_one_of_the_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GETA_STORE", raising=False)
    assert Workspace().root == tmp_path / ".geta"
    assert Workspace().store_url == f"sqlite:///{tmp_path}/.geta/geta.db"
    assert Workspace("sqlite:///other/runs.db").root == tmp_path / "other"
    monkeypatch.setenv("GETA_STORE", f"sqlite:///{tmp_path}/env/geta.db")
    assert Workspace().root == tmp_path / "env"
    assert Workspace("sqlite:///other/runs.db").root == tmp_path / "other"


def test_only_a_new_run_makes_its_folder(tmp_path: Path) -> None:
    workspace = Workspace(f"sqlite:///{tmp_path}/w/geta.db")
    assert workspace.artifacts(12) == tmp_path / "w" / "artifacts" / "geta.db" / "12"
    assert not workspace.is_locked(12) and not workspace.compact_file(12).exists()
    assert not (tmp_path / "w").exists()
    workspace.create_artifacts(12)
    for folder in (workspace.artifacts(12), workspace.checkpoints(12), workspace.models, workspace.cache):
        assert folder.is_dir()


def test_stores_in_one_folder_do_not_share_artifacts(tmp_path: Path) -> None:
    first, second = (Workspace(f"sqlite:///{tmp_path}/{name}.db") for name in ("geta", "other"))
    for workspace in (first, second):
        workspace.create_artifacts(1)
    first.model_file(1).write_bytes(b"first")
    assert not second.model_file(1).exists()
    second.model_file(1).write_bytes(b"second")
    assert first.model_file(1).read_bytes() == b"first"


def test_the_artifacts_of_an_earlier_version_are_found_but_not_by_a_new_run(tmp_path: Path) -> None:
    earlier = tmp_path / "artifacts" / "1"
    (earlier / "checkpoints").mkdir(parents=True)
    workspace = Workspace(f"sqlite:///{tmp_path}/geta.db")
    assert (workspace.artifacts(1), workspace.checkpoints(1)) == (earlier, earlier / "checkpoints")
    other = Workspace(f"sqlite:///{tmp_path}/other.db")
    other.create_artifacts(1)
    assert other.artifacts(1) == tmp_path / "artifacts" / "other.db" / "1"
    assert workspace.artifacts(1) == earlier


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="give another --store"):
        _ = Workspace(f"sqlite:///{tmp_path}/file/geta.db").cache


def test_to_ask_for_a_lock_never_fails_an_attempt_to_take_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/geta.db"
    workspace = Workspace(url)
    workspace.create_artifacts(3)
    command = [sys.executable, "-c", ASKER, url]
    askers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        for asker in askers:
            assert asker.stdout is not None and asker.stdout.readline() == "asking\n"
        for _ in range(5000):
            with workspace.lock_run(3):
                pass
        assert [asker.poll() for asker in askers] == [None] * 3
    finally:
        for asker in askers:
            asker.kill()
            asker.communicate()


def test_a_killed_process_lets_go_of_its_run_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/geta.db"
    workspace = Workspace(url)
    assert not workspace.is_locked(3)
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        assert workspace.is_locked(3) and not workspace.is_locked(4)
        with pytest.raises(BlockingIOError), workspace.lock_run(3, wait=0.2):
            pass
        holder.kill()
        with workspace.lock_run(3, wait=5):
            pass
    assert not workspace.is_locked(3)
