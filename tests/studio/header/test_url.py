"""The address and the two selectors always agree on one model and one run."""

from __future__ import annotations

import pytest

from geta_studio.header.url import OnScreen, on_choice, on_open, parse_address, selection_of

MODELS = {1: "resnet20", 2: "vgg7"}


def test_parse_reads_what_is_there() -> None:
    address = parse_address("?model=vgg7&run=2&select=group:3&overlay=bits&beside=compact-2")
    assert (address.model, address.run, address.overlay, address.compared) == ("vgg7", 2, "bits", "compact-2")
    assert selection_of(address) == {"kind": "group", "id": 3}


def test_parse_leaves_out_what_cannot_be_read() -> None:
    address = parse_address("?run=x&stage=nonsense&overlay=nonsense&step=nonsense&select=node:")
    assert address == (None,) * 6
    assert parse_address("?run=99999999999999999999").run is None
    assert parse_address("?overlay=foo").overlay is None
    assert parse_address(None).model is None


@pytest.mark.parametrize(
    ("selected", "kind", "identity"),
    [
        ("group:3", "group", 3),
        ("group:-1", "group", "-1"),
        ("group:1e9", "group", "1e9"),
        ("group:abc", "group", "abc"),
        (f"group:{'9' * 5000}", "group", "9" * 5000),
        ("scope:layers.1–35", "scope", "layers.1–35"),
        ("node:a:b", "node", "a:b"),
        ("script:alert(1)", "script", "alert(1)"),
        ("nonsense", "nonsense", ""),
    ],
)
def test_what_is_selected_stays_as_it_is_written(selected: str, kind: str, identity: object) -> None:
    assert selection_of(parse_address(f"?select={selected}")) == {"kind": kind, "id": identity}


def test_an_opened_address_shows_its_run_and_that_run_its_model() -> None:
    assert on_open(parse_address("?run=2"), MODELS, "resnet20", None) == OnScreen("vgg7", 2)
    assert on_open(parse_address("?model=resnet20&run=2"), MODELS, "resnet20", None) == OnScreen("vgg7", 2)


def test_an_unknown_run_shows_no_run() -> None:
    assert on_open(parse_address("?run=9"), MODELS, "resnet20", None) == OnScreen("resnet20", None)


def test_a_first_visit_shows_the_demo_or_what_is_running() -> None:
    assert on_open(parse_address(""), MODELS, "resnet20", None) == OnScreen("resnet20", None)
    assert on_open(parse_address(""), MODELS, "resnet20", 2) == OnScreen("vgg7", 2)


def test_a_run_brings_its_model_and_a_model_lets_go_of_the_run() -> None:
    assert on_choice("run", "resnet20", 2, MODELS) == OnScreen("vgg7", 2)
    assert on_choice("model", "vgg7", 1, MODELS) == OnScreen("vgg7", None)
    assert on_choice("model", "vgg7", 2, MODELS) == OnScreen("vgg7", 2)
    assert on_choice("run", "vgg7", None, MODELS) == OnScreen("vgg7", None)
