"""What a model would lose, as `geta analyze --sensitivity` reports it, beside what is measured here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import geta_engine as ge
from geta_engine.analysis.sensitivity import sensitivity_report
from geta_engine.cli.app import commands
from geta_engine.cli.output import main
from geta_engine.config import Bounds, RunConfig
from geta_engine.documents.sensitivity import SensitivityReport
from geta_engine.training.loop import Loop

CONFIG = RunConfig(model="lenet", sparsity=0.3, bits=Bounds(lower=2, upper=6), batch_size=256)


@pytest.fixture(scope="module")
def trained() -> ge.TracedModel:
    """LeNet after 150 steps on digits."""
    torch.manual_seed(0)
    traced = ge.load("lenet")
    loop = Loop(traced, CONFIG)
    optimizer = torch.optim.Adam(loop.model.model_parameters().values(), 2e-3)
    loop.model.quantize(False)
    for step in range(150):
        batch = loop.training_data.batch(step)
        optimizer.zero_grad()
        loop.training_data.task.loss(loop.model.train()(*batch.inputs), batch.targets).backward()
        optimizer.step()
    module = traced.graph_module()
    with torch.no_grad():
        for name, parameter in loop.model.model_parameters().items():
            module.get_parameter(name).copy_(parameter)
    return ge.trace(module, traced.example_args, name="lenet")


@pytest.fixture(scope="module")
def report(trained: ge.TracedModel) -> SensitivityReport:
    return sensitivity_report(trained, CONFIG)


def test_what_a_group_would_lose_is_what_its_outputs_say(trained: ge.TracedModel, report: SensitivityReport) -> None:
    """KL of the outputs with these units at zero, on the same batches, in training mode."""
    loop = Loop(trained, CONFIG)
    parameters = loop.model.model_parameters()
    inputs = torch.cat([loop.training_data.batch(number).inputs[0] for number in range(2)])
    from geta_engine.quant.sensitivity import sensitivity

    torch.manual_seed(CONFIG.seed)
    losses = sensitivity(
        loop.model, loop.training_data.calibration(2), loop.training_data.task.drawn_loss, loop.qadg
    ).units
    first = 0
    for group, row in zip(loop.qadg.prunable, report["groups"], strict=True):
        lowest = np.argsort(losses[first : first + group.size], kind="stable")[: row["removed"]]
        first += group.size
        assert row["id"] == group.id and 0 < row["removed"] < group.size
        kept = {name: value.detach().clone() for name, value in parameters.items()}
        model = loop.model.quantize(False).train()
        with torch.no_grad():
            dense = model(inputs).log_softmax(-1)
            for member in group.members:
                if member.role == "producer":
                    parameters[member.parameter].index_fill_(
                        member.dim, torch.from_numpy(member.index[lowest].ravel()), 0
                    )
            logits = model(inputs).log_softmax(-1)
            measured = float(F.kl_div(logits, dense, reduction="batchmean", log_target=True))
            for name, value in kept.items():
                parameters[name].copy_(value)
        print(f"{row['name']}, {row['removed']} units: {row['predicted']:.5f} predicted, {measured:.5f} measured")
        assert row["measured"] == pytest.approx(measured, rel=1e-3, abs=1e-7)


def test_what_is_predicted_is_near_what_is_measured(report: SensitivityReport) -> None:
    """A second order that takes units one by one: within a factor of 8 for groups that lose a third of theirs at once,
    and what loses much is told from what loses little."""
    rows = report["groups"]
    assert all(row["measured"] / 8 < row["predicted"] < row["measured"] * 8 for row in rows), rows
    much = [row for row in rows if row["measured"] > 0.1]
    assert 0 < len(much) < len(rows)
    assert min(row["predicted"] for row in much) > max(row["predicted"] for row in rows if row not in much)


def test_the_budget_lies_between_the_bounds_and_the_bits_within_it(report: SensitivityReport) -> None:
    budget = report["budget"]
    assert budget["least"] <= budget["cost"] <= budget["amount"] * (1 + 1e-9) < budget["most"]
    for quantizer in report["quantizers"]:
        assert quantizer["widths"] == [2, 3, 4, 5, 6] and quantizer["chosen"] in quantizer["widths"]
        assert list(quantizer["losses"]) == sorted(quantizer["losses"], reverse=True)
    assert budget["price"] >= 0 and len({q["chosen"] for q in report["quantizers"]}) > 2


def test_the_command_writes_it_and_nothing_else_to_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(commands, ["analyze", "lenet", "--sensitivity", "--bits", "2:6", "--json", "-"]) == 0
    document = json.loads(capfd.readouterr().out)["sensitivity"]
    assert document["data"] == "digits" and document["sparsity"] == 0.5 and document["groups"]
    assert {q["id"] for q in document["quantizers"]} == {
        q.id for q in ge.analyze(ge.load("lenet"), True, True).quantizers
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "digits"], "without --sensitivity"),
        (["--sensitivity", "--data", "nothing"], "nothing"),
        (["--sensitivity", "--bits", "9"], "LOWER:UPPER"),
        (["--sensitivity", "--sparsity", "0.99"], "largest K"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(commands, ["analyze", "lenet", *arguments]) == 2
    error = capfd.readouterr().err
    assert said in error and len(error.splitlines()) == 1
