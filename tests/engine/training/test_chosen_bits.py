"""Whole runs on digits: bits that are really chosen, a budget that is kept and used up, K exact."""

from __future__ import annotations

import pytest
import torch

import geta_engine as ge
from geta_engine.config import Bounds, Schedule, make_config
from geta_engine.documents.events import ResultEvent
from geta_engine.errors import CheckFailed, InputError
from geta_engine.training.loop import Loop

SCHEDULE = Schedule(warmup=10, projection=10, projection_periods=2, joint=12, joint_periods=3, cooldown=6)


def config(model: str, **fields):
    usual = {"schedule": SCHEDULE, "bits": Bounds(lower=2, upper=8), "evaluations": 1, "batch_size": 32}
    return make_config(model=model, **{**usual, **fields})


def summary_of(loop: Loop):
    *_, end = loop.events()
    assert isinstance(end, ResultEvent)
    return end.summary


@pytest.mark.parametrize(
    "model", ["resnet20", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vit_tiny", "mobile_tiny", "vgg7"))]
)
def test_widths_differ_and_the_budget_is_used_up(model: str) -> None:
    result = summary_of(Loop(ge.load(model), config(model)))
    bits = {kind: [q["bits"] for q in result["quantizers"] if q["kind"] == kind] for kind in ("weight", "activation")}
    assert len(set(bits["weight"])) >= 3 and len(set(bits["activation"])) >= 2
    assert all(q["lower"] <= q["bits"] <= q["upper"] for q in result["quantizers"])
    budget = result["budget"]
    assert 0.99 * budget["amount"] <= budget["cost"] <= budget["amount"] * (1 + 1e-9)
    assert result["zero_units"] == result["k_target"] == result["total_units"] // 2


@pytest.mark.slow
def test_a_program_from_a_file_ends_with_the_same_bits(tmp_path) -> None:
    traced = ge.load("resnet8")
    traced.save(tmp_path / "m.pt2")
    one, other = (summary_of(Loop(t, config("resnet8"))) for t in (traced, ge.load(str(tmp_path / "m.pt2"))))
    assert [q["bits"] for q in one["quantizers"]] == [q["bits"] for q in other["quantizers"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"bytes": 9_000},
        pytest.param({"bops": 0.004}, marks=pytest.mark.slow),
        pytest.param({"allocation": "chosen", "bops": 0.004}, marks=pytest.mark.slow),
    ],
)
def test_a_budget_that_is_given_is_kept(fields) -> None:
    result = summary_of(Loop(ge.load("resnet8"), config("resnet8", **fields)))
    budget = result["budget"]
    assert budget["is_given"] and 0.95 * budget["amount"] <= budget["cost"] <= budget["amount"]
    if "bytes" in fields:
        assert result["bytes_compact"] <= fields["bytes"] + 1
    assert result["zero_units"] == result["k_target"]


@pytest.mark.slow
def test_the_papers_rule_has_no_budget() -> None:
    result = summary_of(Loop(ge.load("resnet8"), config("resnet8", rule="paper")))
    assert result["budget"] is None


def test_a_budget_that_cannot_be_kept_is_refused_before_training() -> None:
    with pytest.raises(InputError, match="lower bounds of the bits alone need"):
        Loop(ge.load("resnet8"), config("resnet8", bops=1e-5))


def test_a_network_that_has_diverged_is_blamed_and_not_measured() -> None:
    loop = Loop(ge.load("resnet8"), config("resnet8"))
    events = loop.events()
    while loop.optimizer.steps < 19:
        next(events)
    parameter = next(iter(loop.model.model_parameters().values()))
    hook = parameter.register_hook(lambda grad: grad * float("nan"))
    with pytest.raises(CheckFailed, match="the first parameter that is not finite"):
        list(events)
    hook.remove()
    assert not bool(torch.isfinite(parameter).all())
