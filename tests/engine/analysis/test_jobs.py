"""Analyses in real processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from geta_engine.analysis.cache import analysis_key
from geta_engine.analysis.jobs import AnalysisJobs
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(f"sqlite:///{tmp_path}/geta.db")


def test_a_zoo_model_is_analysed_once_and_then_read_from_the_cache(workspace: Workspace) -> None:
    jobs = AnalysisJobs(workspace)
    assert jobs.cached("mlp") is None
    job = jobs.start("mlp")
    assert jobs.start("mlp") is job
    assert job.wait(120) == "done" and job.error is None
    assert job.result is not None and job.result["prunable_units"] == 192
    assert AnalysisJobs(workspace).cached("mlp") == job.result
    assert jobs.cached("lenet") is None


@pytest.mark.parametrize("spec", ["nope", "os:getcwd", "evil.py:make", "missing.pt2", "hf:dir"])
def test_what_is_no_model_is_refused_before_a_process_starts(workspace: Workspace, spec: str) -> None:
    with pytest.raises(InputError):
        AnalysisJobs(workspace).start(spec)


def test_a_file_that_is_no_archive_fails_in_a_sentence(workspace: Workspace) -> None:
    path = workspace.models / "notes.pt2"
    path.write_text("these are my notes")
    job = AnalysisJobs(workspace).start(str(path))
    assert job.wait(120) == "failed"
    assert job.error is not None and "notes.pt2" in job.error
    assert "Traceback" not in job.error and str(workspace.root) not in job.error and "\n" not in job.error
    assert AnalysisJobs(workspace).cached(str(path)) is None


def test_two_files_of_one_name_have_two_keys(workspace: Workspace) -> None:
    keys = []
    for text in ("one", "another"):
        path = workspace.models / "net.pt2"
        path.write_text(text)
        keys.append(analysis_key(str(path)))
    assert keys[0] != keys[1]


def test_a_cancelled_analysis_ends_at_once_and_leaves_nothing(workspace: Workspace) -> None:
    jobs = AnalysisJobs(workspace)
    job = jobs.start("resnet56")
    while job.progress.startswith("Waiting"):
        time.sleep(0.01)
    job.cancel()
    assert job.wait(5) == "cancelled" and job.result is None
    assert jobs.cached("resnet56") is None


def test_an_analysis_that_takes_too_long_is_ended(workspace: Workspace) -> None:
    job = AnalysisJobs(workspace, seconds=1).start("resnet56")
    assert job.wait(30) == "failed" and job.error is not None and "1 seconds" in job.error


def test_an_analysis_that_takes_too_much_memory_fails_in_a_sentence(workspace: Workspace) -> None:
    job = AnalysisJobs(workspace, memory_gb=0.3).start("mlp")
    assert job.wait(60) == "failed" and job.error is not None and "0.3 GB" in job.error, job.error


def test_a_directory_is_analysed_by_its_config_alone(workspace: Workspace, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
    transformers.BertConfig(**sizes, architectures=["BertForSequenceClassification"]).save_pretrained(tmp_path / "mini")
    job = AnalysisJobs(workspace).start(f"hf:{tmp_path / 'mini'}")
    assert job.wait(240) == "done" and job.error is None
    assert job.result is not None and job.result["model"]["name"] == "mini"
    kinds = {node["id"]: node["kind"] for node in job.result["graph"]["nodes"]}
    assert "helper" in kinds.values() and kinds["linear"] == "layer"
    assert str(tmp_path) not in str(job.result["model"])
