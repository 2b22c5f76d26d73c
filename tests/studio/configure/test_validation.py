"""What is refused, and beside which field the sentence stands."""

from __future__ import annotations

from typing import Any

import pytest

from geta_engine.config import RunConfig, Schedule
from geta_engine.errors import InputError
from geta_studio.configure.bit_edits import BitsEdit, edge_quantizers, edited_bits, loaded_bits
from geta_studio.configure.config_file import loaded_config, yaml_values
from geta_studio.configure.draft import default_bits
from geta_studio.configure.form_state import as_number
from geta_studio.configure.validation import check

SCHEDULE = {
    "pretrain": 0,
    "warmup": 10,
    "projection": 20,
    "projection_periods": 2,
    "joint": 20,
    "joint_periods": 2,
    "cooldown": 10,
}


def draft(**changes: Any) -> dict[str, Any]:
    base = {
        "model": "two",
        "data": "digits",
        "sparsity": 0.5,
        "bits": default_bits("two"),
        "schedule": SCHEDULE,
        "optimizer": "adam",
        "lr": 0.003,
        "lr_quant": 0.0001,
        "batch_size": 64,
        "seed": 0,
        "budget": "",
    }
    return {**base, **changes}


def test_a_good_draft_becomes_a_config(analysis: dict[str, Any]) -> None:
    bits = {"model": "two", "default": [4, 8], "layers": {"a.weight": [4, 6]}}
    checked = check(draft(bits=bits), analysis, None)
    assert checked.problems == {}
    assert checked.fields is not None
    config = RunConfig(**checked.fields)
    assert config.bounds_of("a.weight").upper == 6
    assert config.bounds_of("b.weight").upper == 8
    assert config.schedule.total == 60


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"sparsity": 1.2}, "sparsity", "0 <= sparsity < 1"),
        ({"sparsity": ""}, "sparsity", "needs a number"),
        ({"lr": 0}, "lr", "greater than 0"),
        ({"batch_size": 2.5}, "batch_size", "whole number"),
        ({"seed": True}, "seed", "whole number"),
        ({"schedule": {**SCHEDULE, "joint": 21}}, "schedule", "whole multiple"),
        ({"schedule": {**SCHEDULE, "warmup": ""}}, "warmup", "whole number"),
        ({"bits": {"model": "two", "default": [9, 4], "layers": {}}}, "bits", "bits 9:4"),
        ({"bits": {"model": "two", "default": [4, 8], "layers": {"a.weight": [1, 8]}}}, "bits", "a (weight)"),
        ({"bits": {"model": "two", "default": [4, 40], "layers": {}}}, "bits", "bits 4:40"),
        ({"bits": {"model": "two", "default": [4, None], "layers": {}}}, "bits", "two whole numbers"),
    ],
)
def test_problems_stand_beside_their_field(
    analysis: dict[str, Any], changes: dict[str, Any], field: str, words: str
) -> None:
    checked = check(draft(**changes), analysis, None)
    assert checked.fields is None
    assert words in checked.problems[field]


def test_more_zero_units_than_can_go_are_refused(analysis: dict[str, Any]) -> None:
    checked = check(draft(sparsity=0.95), {**analysis, "max_zero_units": 7}, None)
    assert "only 7 can go" in checked.problems["sparsity"]
    assert "0.7 or less" in checked.problems["sparsity"]


def test_data_and_a_missing_analysis_are_problems(analysis: dict[str, Any]) -> None:
    assert check(draft(), analysis, "no such directory").problems == {"data": "no such directory"}
    assert "model" in check(draft(), None, None).problems


def edit(trigger: Any, **changes: Any) -> BitsEdit:
    base = {"model": "two", "cells": None, "lower": 4, "upper": 8, "loaded": None, "selected": []}
    return BitsEdit(trigger, **{**base, **changes})


def test_a_cell_edit_changes_one_quantizer(analysis: dict[str, Any]) -> None:
    cells = [{"data": {"id": "a.weight", "b_l": 4, "b_u": 6}}]
    state = edited_bits(edit("bits-grid", cells=cells), default_bits("two"), analysis)
    assert state.bits["layers"] == {"a.weight": [4, 6]}
    back = edited_bits(
        edit("bits-grid", cells=[{"data": {"id": "a.weight", "b_l": 4, "b_u": 8}}]), state.bits, analysis
    )
    assert back.bits["layers"] == {}


def test_set_all_speaks_for_the_selected_rows(analysis: dict[str, Any]) -> None:
    some = edited_bits(edit("bits-upper", upper=6, selected=["act.x"]), default_bits("two"), analysis).bits
    assert some == {"model": "two", "default": [4, 8], "layers": {"act.x": [4, 6]}}
    assert edited_bits(edit("bits-upper", upper=6), some, analysis).bits == {
        "model": "two",
        "default": [4, 6],
        "layers": {},
    }


def test_an_unusable_pair_is_not_applied(analysis: dict[str, Any]) -> None:
    assert not isinstance(edited_bits(edit("bits-lower", lower=9), default_bits("two"), analysis).bits, dict)


def test_another_model_keeps_the_default_and_drops_single_layers(analysis: dict[str, Any]) -> None:
    bits = {"model": "two", "default": [3, 5], "layers": {"a.weight": [4, 6]}}
    state = edited_bits(edit("model-key", model="other"), bits, analysis)
    assert state.bits == {"model": "other", "default": [3, 5], "layers": {}}


def test_presets(analysis: dict[str, Any]) -> None:
    eight = edited_bits(edit({"preset": "8"}), default_bits("two"), analysis)
    assert (eight.bits["default"], eight.lower, eight.upper) == ([8, 8], 8, 8)
    edges = edited_bits(edit({"preset": "edges"}), default_bits("two"), analysis)
    assert edge_quantizers(analysis) == ["a.weight", "act.x", "b.weight"]
    assert edges.bits["layers"]["b.weight"] == [8, 8]


def test_yaml_goes_both_ways() -> None:
    text = RunConfig(model="vgg7", sparsity=0.3, layer_bits={"fc.weight": {"lower": 3, "upper": 5}}).to_yaml()
    values = yaml_values({"text": text})
    assert (values["sparsity"], values["model"], values["joint"]) == (0.3, "vgg7", Schedule().joint)
    state = loaded_bits({"text": text}, default_bits("resnet20"), "resnet20")
    assert state.bits == {"model": "vgg7", "default": [4, 8], "layers": {"fc.weight": [3, 5]}}


@pytest.mark.parametrize("extra", ["protect: ['fc*']", "activations: false", "momentum: 0.5"])
def test_yaml_with_a_field_that_is_not_on_screen_is_refused(extra: str) -> None:
    with pytest.raises(InputError, match=f"sets {extra.partition(':')[0]}, which has no field here"):
        loaded_config(f"model: resnet20\n{extra}\n")


def test_bits_of_a_quantizer_the_model_does_not_have_are_a_problem(analysis: dict[str, Any]) -> None:
    bits = {**default_bits("two"), "layers": {"nowhere.weight": [4, 6]}}
    problems = check(draft(bits=bits), analysis, None).problems
    assert problems["bits"].startswith("nowhere.weight: this model has no such quantizer")


@pytest.mark.parametrize(("typed", "number"), [("3e-3", 0.003), ("0.1", 0.1), (0.2, 0.2), ("abc", "abc"), (None, None)])
def test_learning_rates_are_typed_in_either_way(typed: Any, number: Any) -> None:
    assert as_number(typed) == number
