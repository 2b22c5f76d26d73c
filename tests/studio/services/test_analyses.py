"""Analyses of the models of a library in real processes: what is told, tried again, removed and kept."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import children

from geta_engine.analysis.cache import AnalysisFiles, analysis_key
from geta_engine.analysis.jobs import AnalysisJobs
from geta_engine.config import RunConfig
from geta_engine.runs.workspace import Workspace
from geta_engine.zoo.names import ZOO
from geta_studio.services import analyses
from geta_studio.services.analyses import KEPT_ANALYSES, ModelState
from geta_studio.services.services import Services

CHILD = "geta_engine.analysis.process"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(f"sqlite:///{tmp_path}/geta.db")


@pytest.fixture
def services(workspace: Workspace) -> Iterator[Services]:
    made = Services(workspace)
    yield made
    made.close()


def ended(services: Services, key: str) -> ModelState:
    """Where an analysis stands once it has ended."""
    end = time.monotonic() + 120
    while (state := services.analyses.ensure_analysis(key)).state == "working":
        assert time.monotonic() < end
        time.sleep(0.02)
    return state


def upload(services: Services, content: bytes, name: str = "mine.pt2") -> str:
    part = services.workspace.models / "received.part"
    part.write_bytes(content)
    return services.add_upload(part, hashlib.sha256(content).hexdigest(), name)


def kept_on_disk(workspace: Workspace, spec: str) -> Path:
    """An analysis on disk, of no content that matters."""
    path = AnalysisFiles(workspace.cache / "analysis").path(analysis_key(spec))
    path.write_text(json.dumps({"model": {"name": spec}}))
    return path


def test_one_that_failed_is_told_until_the_model_is_chosen_again(services: Services) -> None:
    assert services.analyses.ensure_analysis("mlp").state == "working"
    while not (actual := children(os.getpid(), CHILD)):
        time.sleep(0.01)
    os.kill(actual[0], signal.SIGKILL)
    failed = ended(services, "mlp")
    assert failed.state == "failed" and "without a word" in failed.text
    assert services.analyses.ensure_analysis("mlp") == failed
    assert services.analyses.ensure_analysis("mlp", again=True).state == "working"
    assert ended(services, "mlp") == ("ready", "")


def test_one_whose_process_cannot_start_has_failed(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    services.analyses.ensure_analysis("mlp")
    assert ended(services, "mlp").state == "failed"
    monkeypatch.undo()
    services.analyses.ensure_analysis("mlp", again=True)
    assert ended(services, "mlp").state == "ready"


def test_an_upload_that_is_no_model_is_removed_and_said_by_its_name(services: Services) -> None:
    key = upload(services, b"these are my notes", "notes.pt2")
    services.analyses.ensure_analysis(key)
    failed = ended(services, key)
    assert failed.state == "failed" and "notes.pt2" in failed.text and key.removeprefix("upload-") not in failed.text
    assert list(services.workspace.models.iterdir()) == []
    assert services.analyses.ensure_analysis(key) == failed
    assert "there is no model" in services.analyses.ensure_analysis(key, again=True).text


def test_an_upload_that_took_too_long_is_kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyses, "AnalysisJobs", functools.partial(AnalysisJobs, seconds=0.05))
    services = Services(workspace)
    key = upload(services, b"a model that takes its time")
    services.analyses.ensure_analysis(key)
    assert "longer than 0.05 seconds" in ended(services, key).text
    assert services.library.is_upload(key)
    services.close()


def test_the_models_asked_for_last_stay_in_memory_and_no_others(services: Services, workspace: Workspace) -> None:
    names = sorted(ZOO)[: KEPT_ANALYSES + 1]
    for name in names[:KEPT_ANALYSES]:
        kept_on_disk(workspace, name)
        assert services.analyses.get(name)
    first = services.analyses.get(names[0])
    kept_on_disk(workspace, names[-1])
    assert services.analyses.get(names[-1])
    assert services.analyses.in_use() == {*names} - {names[1]}
    assert services.analyses.get(names[0]) is first


def test_old_analyses_make_room_but_for_those_of_runs_and_pages(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyses, "AnalysisJobs", functools.partial(AnalysisJobs, budget=1))
    services = Services(workspace)
    files = {name: kept_on_disk(workspace, name) for name in ("lenet", "resnet8", "vgg7")}
    services.store.create_run(RunConfig(model="lenet"), "lenet", "lenet")
    assert services.analyses.get("resnet8")
    services.analyses.ensure_analysis("mlp")
    assert ended(services, "mlp").state == "ready"
    while files["vgg7"].exists():
        time.sleep(0.01)
    assert files["lenet"].exists() and files["resnet8"].exists()
    services.close()


def test_a_deleted_upload_is_gone_with_its_analysis_and_what_works_on_it(services: Services) -> None:
    key = upload(services, b"a model of mine")
    analysis = kept_on_disk(services.workspace, services.library.spec(key))
    assert services.analyses.get(key)
    other = upload(services, b"another model of mine")
    services.analyses.ensure_analysis(other)
    for each in (key, other):
        services.delete_upload(each)
        assert services.analyses.get(each) is None
        with pytest.raises(Exception, match="there is no upload"):
            services.delete_upload(each)
    assert not analysis.exists() and list(services.workspace.models.iterdir()) == []
    assert not services.analyses.in_use()


@pytest.mark.parametrize("key", ["resnet20", "run-1", "given", "../../etc/passwd", f"upload-{'0' * 64}"])
def test_only_uploads_are_deleted(services: Services, key: str) -> None:
    with pytest.raises(Exception, match="there is no upload"):
        services.delete_upload(key)
