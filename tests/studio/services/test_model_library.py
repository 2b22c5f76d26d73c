"""Uploads: what they are called, which make room, and which model of a run is shown when its upload is gone."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from geta_engine.config import RunConfig
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store
from geta_studio.services import model_library
from geta_studio.services.model_library import ModelLibrary


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    return ModelLibrary(Workspace(f"sqlite:///{tmp_path}/geta.db"))


def upload(library: ModelLibrary, folder: Path, name: str, age: float) -> str:
    """An upload of 100 bytes that came at `age`."""
    content = name.encode().ljust(100)
    (folder / "part").write_bytes(content)
    key = library.add(folder / "part", hashlib.sha256(content).hexdigest(), name)
    path = library.upload_path(key.removeprefix("upload-"))
    for file in (path, path.with_suffix(".name")):
        os.utime(file, (age, age))
    return key


def names(library: ModelLibrary) -> list[str]:
    return [option["label"] for option in library.options() if library.is_upload(option["value"])]


def test_uploads_are_listed_newest_first_by_the_names_they_came_under(library: ModelLibrary, tmp_path: Path) -> None:
    for age, name in enumerate(("first.pt2", "second.pt2")):
        upload(library, tmp_path, name, age)
    assert names(library) == ["second.pt2", "first.pt2"]


def test_the_uploads_not_used_for_longest_make_room(
    library: ModelLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_library, "UPLOADS_BUDGET", 250)
    keys = [upload(library, tmp_path, name, age) for age, name in enumerate("abcd")]
    library.mark_used(keys[0])
    assert library.make_room(lambda: {keys[1]}) == [keys[2], keys[3]]
    assert names(library) == ["b", "a"]
    assert len(list(library.upload_path("").parent.iterdir())) == 4


def test_uploads_within_the_budget_stay(library: ModelLibrary, tmp_path: Path) -> None:
    upload(library, tmp_path, "a", 0)
    assert library.make_room(set) == [] and names(library) == ["a"]


def test_a_run_shows_its_own_copy_when_its_upload_is_gone(library: ModelLibrary, tmp_path: Path) -> None:
    key = upload(library, tmp_path, "mine.pt2", 0)
    store = Store(f"sqlite:///{tmp_path}/geta.db")
    run = store.get_run(store.create_run(RunConfig(model="mlp"), library.spec(key), "mine"))
    assert library.key_of(run) == key
    library.remove(key)
    assert library.key_of(run) == f"run-{run.id}"
    store.close()


@pytest.mark.parametrize("key", ["run-" + "9" * 5000, "compact-" + "9" * 5000, "upload-" + "0" * 64, "run-0", ""])
def test_a_key_of_nothing_is_a_sentence(library: ModelLibrary, key: str) -> None:
    with pytest.raises(InputError, match="there is no model"):
        library.spec(key)
