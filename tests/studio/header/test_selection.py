"""What is selected when another model is asked for, when it appears, and when its analysis fails; no browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from dash import no_update

from geta_engine.runs.workspace import Workspace
from geta_studio.header.model_status import ModelOutputs, ModelQuestion, analysis_outputs, model_summary
from geta_studio.header.page_state import page_state
from geta_studio.header.selection import compared_output, selection_outputs
from geta_studio.header.url import parse_address
from geta_studio.services.services import Services
from geta_studio.shell.graph_choices import FIRST_OVERLAY, FIRST_STAGE
from geta_studio.shell.stores import Selection

NODE: Selection = {"kind": "node", "id": "linear"}
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


def outputs(
    services: Services, model: str, on_screen: str | None, named: Selection | None, compared: str | None
) -> ModelOutputs:
    return analysis_outputs(services, ModelQuestion("poll", 7, model, None, on_screen, named, compared))


def test_a_choice_keeps_the_selection_until_the_model_appears(services: Services) -> None:
    assert selection_outputs(services, None, False) == (None, no_update)
    assert outputs(services, "mlp", "resnet20", None, None).selection is None


def test_an_address_selects_when_its_model_appears(services: Services) -> None:
    address = parse_address("?model=mlp&select=node:linear")
    assert selection_outputs(services, address, False) == (NODE, no_update)
    for on_screen in ("resnet20", None):
        actual = outputs(services, "mlp", on_screen, NODE, None)
        assert (actual.key, actual.selection) == ("mlp", NODE)


def test_an_address_of_the_model_on_screen_selects_at_once_what_it_names(services: Services) -> None:
    assert selection_outputs(services, parse_address("?model=mlp&select=node:linear"), True) == (NODE, NODE)
    assert selection_outputs(services, parse_address("?select=node:linear"), True) == (NODE, NODE)
    assert selection_outputs(services, parse_address("?model=mlp"), True) == (None, None)


def test_an_address_that_names_nothing_changes_nothing(services: Services) -> None:
    assert selection_outputs(services, parse_address(""), True) == (no_update, no_update)
    assert selection_outputs(services, parse_address("?stage=trace"), True) == (no_update, no_update)


def test_an_address_of_a_run_that_is_not_there_selects_nothing(services: Services) -> None:
    assert selection_outputs(services, parse_address("?run=9&select=node:linear"), True) == (None, None)
    assert page_state(services, "http://localhost/?run=9&select=node:linear").selection is None


def test_a_page_opens_with_what_its_address_selects(services: Services) -> None:
    for model in ("mlp", "lenet"):
        assert page_state(services, f"http://localhost/?model={model}&select=node:linear").selection == NODE


def test_a_page_opens_at_the_stage_and_with_the_colours_of_its_address(services: Services) -> None:
    named = page_state(services, "http://localhost/?model=mlp&stage=trace&overlay=macs")
    assert (named.stage, named.overlay, named.is_done) == ("trace", "macs", False)
    unnamed = page_state(services, "http://localhost/?model=mlp&stage=nonsense")
    assert (unnamed.stage, unnamed.overlay) == (FIRST_STAGE, FIRST_OVERLAY)


def test_there_is_no_compact_graph_before_a_run_is_done(services: Services) -> None:
    assert page_state(services, "http://localhost/?model=mlp&stage=compact").stage == FIRST_STAGE


def test_the_model_on_screen_and_one_that_fails_leave_the_selection(services: Services) -> None:
    again = outputs(services, "mlp", "mlp", None, "gone")
    assert again == again._replace(key=no_update, selection=no_update, compared=no_update, poll_off=True)
    failed = outputs(services, GONE, "mlp", None, "gone")
    assert (failed.key, failed.selection, failed.compared) == (no_update,) * 3
    assert failed.style == "model-status failed" and failed.text


def test_what_stands_beside_follows_the_address_and_goes_with_its_model(services: Services) -> None:
    assert compared_output(parse_address("?model=mlp&beside=compact-2")) == "compact-2"
    assert compared_output(parse_address("?model=mlp")) == ""
    assert compared_output(parse_address("")) is compared_output(None) is no_update
    assert outputs(services, "mlp", "resnet20", None, "compact-2").compared == ""
    assert page_state(services, "http://localhost/?model=mlp&beside=compact-2").compared == "compact-2"


def test_the_numbers_of_a_model_stand_beside_its_name(analysis: dict[str, Any]) -> None:
    assert model_summary(analysis) == "160 parameters · 1 groups · 10 units · 3 quantizers"
    assert model_summary(None) == ""
