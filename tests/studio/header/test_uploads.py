"""Uploads on the page: followed until they are chosen, let go of for another model, deleted after a question."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dash import no_update

import geta_engine as ge
from geta_engine.runs.workspace import Workspace
from geta_studio.header import ids
from geta_studio.header.callbacks import cause_of
from geta_studio.header.model_status import Cause, ModelOutputs, ModelQuestion, model_outputs
from geta_studio.header.upload_deletion import deletion_outputs
from geta_studio.services.services import Services


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services(Workspace(f"sqlite:///{tmp_path}/geta.db"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The multilayer perceptron as a file."""
    path = tmp_path_factory.mktemp("model") / "mine.pt2"
    ge.load("mlp").save(str(path))
    return path


def upload(services: Services, content: bytes, name: str) -> dict[str, str]:
    """What the page knows of an upload."""
    part = services.workspace.models / "received.part"
    part.write_bytes(content)
    return {"model": services.add_upload(part, hashlib.sha256(content).hexdigest(), name), "name": name}


def follow(
    services: Services, cause: Cause, model: str, uploaded: dict[str, str] | None = None, polls: int = 7
) -> ModelOutputs:
    """What the page shows; "resnet20" is on screen, and at its first poll nothing is."""
    key, on_screen = uploaded["model"] if uploaded else None, "resnet20" if polls > 1 else None
    return model_outputs(services, ModelQuestion(cause, polls, model, key, on_screen, None, None))


def follow_to_the_end(services: Services, model: str, uploaded: dict[str, str] | None) -> ModelOutputs:
    """What the polls of a page lead to."""
    end = time.monotonic() + 120
    while "working" in (actual := follow(services, "poll", model, uploaded)).style:
        assert time.monotonic() < end
        time.sleep(0.02)
    return actual


def offered(options: list[dict[str, Any]]) -> list[str]:
    return [option["label"] for option in options]


def test_an_upload_is_chosen_when_it_is_analysed(services: Services, model_file: Path) -> None:
    uploaded = upload(services, model_file.read_bytes(), "mine.pt2")
    first = follow(services, "upload", "resnet20", uploaded)
    assert first.text.startswith("Analysing mine.pt2") and first.uploaded is no_update and not first.poll_off
    last = follow_to_the_end(services, "resnet20", uploaded)
    assert (last.chosen, last.uploaded) == (uploaded["model"], None)


def test_a_model_chosen_while_an_upload_is_analysed_is_followed_instead(services: Services, model_file: Path) -> None:
    uploaded = upload(services, model_file.read_bytes(), "mine.pt2")
    follow(services, "upload", "resnet20", uploaded)
    chosen = follow(services, "model", "lenet", None)
    assert chosen.text.startswith("Analysing lenet")
    assert follow_to_the_end(services, "lenet", None).key == "lenet"
    assert services.library.is_upload(uploaded["model"])


def test_a_choice_outweighs_the_upload_it_lets_go_of_in_the_same_moment() -> None:
    assert cause_of(["uploaded.data", "model-select.value"]) == "model"
    assert cause_of(["uploaded.data"]) == "upload"
    assert cause_of(["model-poll.n_intervals"]) == "poll"


def test_an_upload_that_is_no_model_is_said_and_not_offered(services: Services) -> None:
    uploaded = upload(services, b"these are my notes", "notes.pt2")
    follow(services, "upload", "run-9", uploaded)
    failed = follow_to_the_end(services, "run-9", uploaded)
    assert failed.style == "model-status failed" and "notes.pt2" in failed.text
    assert failed.uploaded is None and failed.poll_off and failed.chosen is no_update
    assert "notes.pt2" not in offered(failed.models) and "model of run 9" in offered(failed.models)


def test_what_failed_is_tried_again_by_a_choice_and_by_a_page_that_opens(services: Services) -> None:
    def fail() -> None:
        services.analyses.ensure_analysis("mlp", again=True)
        services.analyses._started["mlp"].job.cancel()
        assert "cancelled: choose the model again" in follow_to_the_end(services, "mlp", None).text

    fail()
    assert follow(services, "poll", "mlp").style == "model-status failed"
    assert follow(services, "model", "mlp").style == "model-status working"
    fail()
    assert follow(services, "poll", "mlp", polls=1).style == "model-status working"


def test_a_question_is_asked_before_an_upload_is_deleted(services: Services) -> None:
    key = upload(services, b"a model", "mine.pt2")["model"]
    asked = deletion_outputs(services, ids.MODEL_DELETE, key, "resnet20")
    assert asked.asks and asked.text.startswith("mine.pt2 and its analysis") and asked.models is no_update
    kept = deletion_outputs(services, ids.MODEL_DELETE_CANCEL, key, "resnet20")
    assert not kept.asks and kept.model is no_update and services.library.is_upload(key)


@pytest.mark.parametrize(("on_screen", "after"), [("lenet", "lenet"), (None, "resnet20"), ("itself", "resnet20")])
def test_a_deleted_upload_makes_way_for_what_is_on_screen(
    services: Services, on_screen: str | None, after: str
) -> None:
    key = upload(services, b"a model", "mine.pt2")["model"]
    deleted = deletion_outputs(services, ids.MODEL_DELETE_NOW, key, key if on_screen == "itself" else on_screen)
    assert not deleted.asks and deleted.model == after
    assert "mine.pt2" not in offered(deleted.models) and not services.library.is_upload(key)
