"""Analyses in real processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geta_engine.analysis.jobs import AnalysisJobs
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace

Make = Callable[..., AnalysisJobs]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(f"sqlite:///{tmp_path}/geta.db")


@pytest.fixture
def make_jobs(workspace: Workspace) -> Iterator[Make]:
    """Makes the analyses of one workspace; those under way end with the test."""
    made: list[AnalysisJobs] = []

    def make(**limits: float) -> AnalysisJobs:
        made.append(AnalysisJobs(workspace, **limits))
        return made[-1]

    yield make
    for jobs in made:
        jobs.close()


def test_a_zoo_model_is_analysed_once_and_then_read_from_the_cache(make_jobs: Make) -> None:
    jobs = make_jobs()
    assert jobs.cached("mlp") is None
    job = jobs.start("mlp")
    assert jobs.start("mlp") is job
    assert job.wait(120) == "done" and job.error is None
    assert job.result is not None and job.result["prunable_units"] == 192
    assert make_jobs().cached("mlp") == job.result
    assert jobs.cached("lenet") is None


@pytest.mark.parametrize("spec", ["nope", "os:getcwd", "evil.py:make", "missing.pt2", "hf:dir"])
def test_what_is_no_model_is_refused_before_a_process_starts(make_jobs: Make, spec: str) -> None:
    with pytest.raises(InputError):
        make_jobs().start(spec)


def test_a_file_that_is_no_archive_fails_in_a_sentence(make_jobs: Make, workspace: Workspace) -> None:
    path = workspace.models / "notes.pt2"
    path.write_text("these are my notes")
    job = make_jobs().start(str(path))
    assert job.wait(120) == "failed"
    assert job.error is not None and "notes.pt2" in job.error and job.reason == "refused"
    assert "Traceback" not in job.error and str(workspace.root) not in job.error and "\n" not in job.error
    assert make_jobs().cached(str(path)) is None


def test_a_cancelled_analysis_ends_at_once_and_leaves_nothing(make_jobs: Make) -> None:
    jobs = make_jobs()
    job = jobs.start("resnet56")
    while job.progress.startswith("Waiting"):
        time.sleep(0.01)
    job.cancel()
    assert job.wait(5) == "cancelled" and job.result is None
    assert jobs.cached("resnet56") is None


def test_an_analysis_that_takes_too_long_is_ended(make_jobs: Make) -> None:
    job = make_jobs(seconds=1).start("resnet56")
    assert job.wait(30) == "failed" and job.error is not None and "1 seconds" in job.error
    assert job.reason == "time"


def test_an_analysis_that_takes_too_much_memory_fails_in_a_sentence(make_jobs: Make) -> None:
    job = make_jobs(memory_gb=0.3).start("mlp")
    assert job.wait(60) == "failed" and job.error is not None and "0.3 GB" in job.error, job.error


def test_a_directory_is_analysed_by_its_config_alone(make_jobs: Make, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
    transformers.BertConfig(**sizes, architectures=["BertForSequenceClassification"]).save_pretrained(tmp_path / "mini")
    job = make_jobs().start(f"hf:{tmp_path / 'mini'}")
    assert job.wait(240) == "done" and job.error is None
    assert job.result is not None and job.result["model"]["name"] == "mini"
    kinds = {node["id"]: node["kind"] for node in job.result["graph"]["nodes"]}
    assert "helper" in kinds.values() and kinds["linear"] == "layer"
    assert str(tmp_path) not in str(job.result["model"])
