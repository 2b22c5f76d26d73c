"""The loop on real data: events in order, an exact result, and a resumed run that is the same run."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch

import geta_engine as ge
from geta_engine.config import Saliency, Schedule, make_config
from geta_engine.documents.events import LogEvent, MarkerEvent, ResultEvent, StepEvent
from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.errors import InputError
from geta_engine.training.distributed import DistributedContext
from geta_engine.training.loop import Loop
from geta_engine.training.training_data import TrainingData

SCHEDULE = Schedule(warmup=4, projection=6, projection_periods=2, joint=6, joint_periods=3, cooldown=4)
CONFIG = make_config(model="resnet8", schedule=SCHEDULE, sparsity=0.4, seed=7, activations=True)


@pytest.fixture(scope="module")
def traced():
    return ge.load("resnet8")


@pytest.fixture(scope="module")
def straight(traced):
    loop = Loop(traced, CONFIG)
    return loop, list(loop.events())


def test_events_tell_the_whole_story(straight):
    loop, events = straight
    steps = [e.step for e in events if isinstance(e, StepEvent)]
    assert steps == list(range(1, SCHEDULE.total + 1))
    stages = [(e.step, e.label) for e in events if isinstance(e, MarkerEvent) and e.kind == "stage"]
    assert stages == [(0, "warmup"), (4, "projection"), (10, "joint"), (16, "cooldown")]
    frames = {e.kind: e.values.shape for e in events if isinstance(e, SnapshotEvent)}
    units, quantizers = loop.qadg.prunable_units, len(loop.qadg.quantizers)
    assert frames["units"] == (units, 2) and frames["quantizers"] == (quantizers, 4)
    (chosen,) = [e for e in events if isinstance(e, SnapshotEvent) and e.kind == "bit_losses"]
    assert chosen.step == 10 and chosen.values.shape == (quantizers, 17)
    assert ((~np.isnan(chosen.values)).sum(1) == 5).all(), "4 to 8 bits"
    groups = len(loop.qadg.prunable)
    assert frames["gamma"] == (1, groups) and frames["cosines"] == (2, groups) and frames["saliency"] == (1, units)
    assert isinstance(events[-1], ResultEvent)


def test_result_meets_every_constraint(straight):
    _, events = straight
    result = events[-1].summary
    assert result["zero_units"] == result["k_target"] == int(0.4 * result["total_units"])
    assert all(q["lower"] <= q["bits"] <= q["upper"] and isinstance(q["bits"], int) for q in result["quantizers"])
    assert result["verify"]["max_rel_diff"] <= 1e-10
    assert abs(result["metric"]["final"] - result["metric"]["compact"]) * result["test_samples"] <= 1
    assert result["macs_compact"] < result["macs_dense"] and result["bytes_compact"] < result["bytes_dense"] / 4
    assert 0 < result["relative_bops"] < 0.07
    assert result["budget"]["kind"] == "bops" and not result["budget"]["is_given"]
    assert result["budget"]["cost"] == pytest.approx(result["relative_bops"])
    assert result["budget"]["cost"] <= result["budget"]["amount"] == pytest.approx(loop_budget(straight))


def loop_budget(straight):
    """What the plan said before the first step."""
    return straight[0].plan["budget"]["amount"]


@pytest.mark.parametrize("stop", [2, 4, 10, 12, 16, 19])
def test_a_resumed_run_is_the_same_run(traced, straight, stop):
    first = Loop(traced, CONFIG)
    for event in first.events():
        if isinstance(event, StepEvent) and event.step == stop:
            break
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    second = Loop(traced, CONFIG)
    second.restore(torch.load(file, weights_only=True))
    *_, end = second.events()
    assert end.summary["state_sha256"] == straight[1][-1].summary["state_sha256"]


def test_another_seed_is_another_run(traced, straight):
    *_, end = Loop(traced, CONFIG.model_copy(update={"seed": 8})).events()
    assert end.summary["state_sha256"] != straight[1][-1].summary["state_sha256"]


def test_what_does_not_fit_is_refused_before_training(traced):
    with pytest.raises(InputError, match="no quantizer"):
        Loop(traced, make_config(model="resnet8", layer_bits={"conv99": {"lower": 4, "upper": 8}}))
    with pytest.raises(InputError, match="largest K"):
        Loop(traced, make_config(model="resnet8", sparsity=0.99))
    with pytest.raises(InputError, match="matches no parameter"):
        Loop(traced, make_config(model="resnet8", protect=["nowhere"]))


def test_dropout_resumes_bit_for_bit_at_the_warm_up_border():
    """The clips are set again there, from batches that pass through dropout."""
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 24), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(24, 10)
    )
    made = ge.trace(model, (torch.randn(2, 1, 8, 8),))
    config = make_config(model="dropping", schedule=SCHEDULE, sparsity=0.4)
    *_, straight = Loop(made, config).events()
    first = Loop(made, config)
    for event in first.events():
        if isinstance(event, StepEvent) and event.step == SCHEDULE.warmup:
            break
    torch.manual_seed(1234)
    second = Loop(made, config)
    second.restore(first.state())
    *_, resumed = second.events()
    assert resumed.summary["state_sha256"] == straight.summary["state_sha256"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_state_in_memory_stays_as_it_was_while_the_run_goes_on(optimizer):
    traced = ge.load("mlp")
    loop = Loop(traced, make_config(model="mlp", schedule=SCHEDULE, sparsity=0.4, optimizer=optimizer, lr=0.01))
    for event in loop.events():
        if isinstance(event, StepEvent) and event.step == 12:
            state = loop.state()
    hashes = [event.summary["state_sha256"]]
    for _ in range(2):
        loop.restore(state)
        *_, end = loop.events()
        hashes.append(end.summary["state_sha256"])
    assert len(set(hashes)) == 1


def test_a_model_without_anything_to_train_is_refused():
    made = ge.trace(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Softmax(1)), (torch.randn(2, 1, 8, 8),))
    with pytest.raises(InputError, match="no floating parameters, so there is nothing to train") as caught:
        Loop(made, make_config(model="m", data="distill", sparsity=0.0))
    assert "\n" not in str(caught.value)


def test_a_dense_baseline_that_diverges_has_no_metric_and_the_run_goes_on():
    schedule = Schedule(warmup=1, projection=1, projection_periods=1, joint=0, joint_periods=0, cooldown=1)
    loop = Loop(ge.load("mlp"), make_config(model="mlp", schedule=schedule, sparsity=0.0, baseline=True))
    with torch.no_grad():
        next(loop.traced.template.parameters()).fill_(math.inf)
    events = list(loop.events())
    (warning,) = [e.text for e in events if isinstance(e, LogEvent) and e.level == "warning"]
    assert warning.startswith("the loss of the dense baseline became nan at step 1")
    result = events[-1].summary
    assert result["metric"]["dense"] is None and result["metric"]["final"] > 0
    again = Loop(ge.load("mlp"), loop.config)
    again.restore(loop.state())
    assert not [e for e in again.events() if isinstance(e, LogEvent)], "it is not trained once more"


def test_two_halves_are_one_whole_batch():
    """Without batch norm the averaged gradients are those of the full batch; the clip is on the average."""
    traced = ge.load("mlp")
    actual = []
    for batch, accumulate in ((32, 1), (16, 2), (8, 4)):
        config = make_config(model="mlp", batch_size=batch, accumulate=accumulate, clip_norm=0.5)
        model = traced.graph_module()
        training_data, parameters = TrainingData(traced, config), list(model.parameters())
        losses = []
        for step in range(3):
            model.zero_grad()
            losses.append(training_data.gradients(model, parameters, step, DistributedContext()))
        actual.append((losses, [p.grad for p in parameters]))
    for losses, grads in actual[1:]:
        assert losses == pytest.approx(actual[0][0], rel=1e-5)
        torch.testing.assert_close(grads, actual[0][1], rtol=1e-4, atol=1e-7)
    norm = torch.cat([g.flatten() for g in actual[0][1]]).norm()
    assert float(norm) == pytest.approx(0.5, rel=1e-4)


def test_every_setting_of_the_training_reaches_the_run():
    """In bfloat16 and with all else off its default the constraints hold as exactly, and a resumed run is the same."""
    traced = ge.load("mlp")
    config = make_config(
        model="mlp",
        schedule=SCHEDULE,
        sparsity=0.375,
        optimizer="sgd",
        lr=0.02,
        nesterov=True,
        batch_size=16,
        accumulate=2,
        clip_norm=1.0,
        precision="bfloat16",
        saliency={"cosine": 0.0, "magnitude": 2.0},
        allocation="global",
        group_divisible=2,
        learn_t=True,
        baseline=True,
    )
    loop = Loop(traced, config)
    settings = loop.optimizer.config
    assert settings.saliency.cosine == 0 and settings.saliency.magnitude == 2 and settings.saliency.taylor_first == 1
    assert (settings.base.nesterov, settings.allocation, settings.group_divisible) == (True, "global", 2)
    state = None
    for event in loop.events():
        if isinstance(event, StepEvent) and event.step == 12:
            state = loop.state()
    result = event.summary
    assert result["zero_units"] == result["k_target"] == int(0.375 * result["total_units"])
    assert all(q["lower"] <= q["bits"] <= q["upper"] and isinstance(q["bits"], int) for q in result["quantizers"])
    assert result["verify"]["max_rel_diff"] <= 1e-10 and result["metric"]["dense"] > 0.1
    assert float((loop.model.quantizers.t.detach() - 1).abs().max()) > 0, "t is learned"
    again = Loop(traced, config)
    again.restore(state)
    *_, resumed = again.events()
    assert resumed.summary["state_sha256"] == result["state_sha256"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"nesterov": True}, "needs sgd, a momentum above 0 and no dampening"),
        ({"nesterov": True, "optimizer": "sgd", "dampening": 0.1}, "no dampening"),
        ({"dampening": 0.1}, "it needs sgd"),
        ({"betas": (0.9, 1.0)}, "less than 1"),
        ({"saliency": dict.fromkeys(Saliency.model_fields, 0.0)}, "at least one above 0"),
        ({"saliency": {"cosine": -1.0}}, "saliency.cosine was given as -1.0"),
        ({"clip_norm": 0.0}, "greater than 0"),
        ({"accumulate": 0}, "greater than or equal to 1"),
        ({"group_divisible": 0}, "greater than or equal to 1"),
        ({"learn_t": True, "weights": False, "activations": False}, "quantizers switched off"),
        ({"task": "masked-lm"}, "masked-lm needs the number of the token"),
        ({"mask_token": 3}, "no other task takes one"),
        ({"distill_loss": "kl"}, "set task distill"),
        ({"data": "distill:digits", "task": "regression"}, "no targets but the dense model's outputs"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(fields, says):
    with pytest.raises(InputError, match=says) as caught:
        make_config(model="resnet8", **fields)
    assert "\n" not in str(caught.value)
