"""What is selected when another model is asked for, when it appears, and when its analysis fails; no browser."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from dash import no_update

from geta_engine.runs.workspace import Workspace
from geta_studio.header.callbacks import analysis_outputs, beside_named, selections
from geta_studio.header.page_state import opening
from geta_studio.header.url import parse
from geta_studio.services.services import Services

NODE = {"kind": "node", "id": "linear"}
GONE = f"upload-{'0' * 64}"
"""A model that is not there."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A store with no runs, and one analysis: that of the multilayer perceptron."""
    made = Services(Workspace(f"sqlite:///{tmp_path_factory.mktemp('selection')}/geta.db"))
    end = time.monotonic() + 120
    while made.analyses.ensure_analysis("mlp").state == "working" and time.monotonic() < end:
        time.sleep(0.05)
    yield made
    made.close()


def test_a_choice_keeps_the_selection_until_the_model_appears(services: Services) -> None:
    assert selections(services, None, False) == (None, no_update)
    assert analysis_outputs(services, "mlp", "resnet20", None, None).selection is None


def test_an_address_selects_when_its_model_appears(services: Services) -> None:
    place = parse("?model=mlp&select=node:linear")
    assert selections(services, place, False) == (NODE, no_update)
    for shown in ("resnet20", None):
        follow = analysis_outputs(services, "mlp", shown, NODE, None)
        assert (follow.key, follow.selection) == ("mlp", NODE)


def test_an_address_of_the_model_on_screen_selects_at_once_what_it_names(services: Services) -> None:
    assert selections(services, parse("?model=mlp&select=node:linear"), True) == (NODE, NODE)
    assert selections(services, parse("?select=node:linear"), True) == (NODE, NODE)
    assert selections(services, parse("?model=mlp"), True) == (None, None)


def test_an_address_that_names_nothing_changes_nothing(services: Services) -> None:
    assert selections(services, parse(""), True) == (no_update, no_update)
    assert selections(services, parse("?stage=trace"), True) == (no_update, no_update)


def test_an_address_of_a_run_that_is_not_there_selects_nothing(services: Services) -> None:
    assert selections(services, parse("?run=9&select=node:linear"), True) == (None, None)
    assert opening(services, "http://localhost/?run=9&select=node:linear").selection is None


def test_a_page_opens_with_what_its_address_selects(services: Services) -> None:
    for model in ("mlp", "lenet"):
        assert opening(services, f"http://localhost/?model={model}&select=node:linear").selection == NODE


def test_the_model_on_screen_and_one_that_fails_leave_the_selection(services: Services) -> None:
    again = analysis_outputs(services, "mlp", "mlp", None, "gone")
    assert again == again._replace(key=no_update, selection=no_update, beside=no_update, poll_off=True)
    failed = analysis_outputs(services, GONE, "mlp", None, "gone")
    assert (failed.key, failed.selection, failed.beside) == (no_update,) * 3
    assert failed.style == "model-status failed" and failed.text


def test_what_stands_beside_follows_the_address_and_goes_with_its_model(services: Services) -> None:
    assert beside_named(parse("?model=mlp&beside=compact-2")) == "compact-2"
    assert beside_named(parse("?model=mlp")) == ""
    assert beside_named(parse("")) is beside_named(None) is no_update
    assert analysis_outputs(services, "mlp", "resnet20", None, "compact-2").beside == ""
    assert opening(services, "http://localhost/?model=mlp&beside=compact-2").beside == "compact-2"
