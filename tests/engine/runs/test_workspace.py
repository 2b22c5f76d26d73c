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
with Workspace(sys.argv[1]).lock_run(3):
    print("held", flush=True)
    time.sleep(60)
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


def test_folders_are_made_when_asked_for(tmp_path: Path) -> None:
    workspace = Workspace(f"sqlite:///{tmp_path}/w/geta.db")
    assert not (tmp_path / "w").exists()
    assert workspace.artifacts(12) == tmp_path / "w" / "artifacts" / "12"
    for folder in (workspace.artifacts(12), workspace.checkpoints(12), workspace.models, workspace.cache):
        assert folder.is_dir()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="give another --store"):
        _ = Workspace(f"sqlite:///{tmp_path}/file/geta.db").cache


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
