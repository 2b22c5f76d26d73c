"""Losses and metrics against slow, obvious counterparts; what is hidden from a language model, and when."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import make_config
from geta_engine.data import Input, Split, evaluate, load, make_task, model_inputs
from geta_engine.data.tasks.classification import Classification
from geta_engine.data.tasks.distillation import LogitDistillation
from geta_engine.data.tasks.language import MaskedLanguageModeling, NextToken
from geta_engine.data.tasks.regression import Regression
from geta_engine.errors import InputError

TOKENS = (Input("input_ids", (40,), torch.int64, 30), Input("attention_mask", (40,), torch.int64))


def sentences(rows: int = 200) -> Split:
    """Tokens 0 to 24 with the last ten of every other row masked out."""
    tokens = torch.randint(25, (rows, 40), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(tokens)
    mask[::2, 30:] = 0
    return Split((tokens, mask), None)


def test_r2_is_one_minus_mse_over_variance():
    targets, outputs = torch.randn(50, 1) * 3 + 7, torch.randn(50) + 6
    actual = evaluate(Regression(), lambda inputs: inputs[0], Split((outputs,), targets), rows=8)
    y, z = targets[:, 0].double(), outputs.double()
    assert math.isclose(actual, float(1 - (y - z).square().mean() / y.var(correction=0)), rel_tol=1e-9)
    assert evaluate(Regression(), lambda inputs: inputs[0], Split((targets,), targets)) == 1


def test_the_next_token_is_asked_for_wherever_there_is_one():
    examples = sentences(4)
    task = NextToken(TOKENS)
    (targets,) = task.batch(examples, 0).targets
    tokens, mask = examples.inputs
    for row in range(4):
        for t in range(40):
            there = t + 1 < 40 and mask[row, t + 1] == 1
            assert targets[row, t] == (tokens[row, t + 1] if there else -100)
    right = nn.functional.one_hot(targets.clamp_min(0), 30).float()
    assert task.value(task.tally({"logits": right}, (targets,))) == 1
    uniform = task.loss((torch.zeros(4, 40, 30),), (targets,))
    assert math.isclose(float(uniform), math.log(30), rel_tol=1e-5)
    assert float(task.loss(torch.zeros(1, 2, 30), (torch.full((1, 2), -100),))) == 0


def test_hidden_tokens_are_as_bert_has_them_and_depend_on_the_key_alone():
    examples = sentences(2000)
    task = MaskedLanguageModeling(TOKENS, 29, 28)
    batch = task.batch(examples, 3, 5)
    (tokens, mask), (seen, _), (targets,) = examples.inputs, batch.inputs, batch.targets
    chosen = targets != -100
    assert torch.equal(targets[chosen], tokens[chosen]) and torch.equal(seen[~chosen], tokens[~chosen])
    assert not bool(chosen[mask == 0].any())
    assert abs(float(chosen[mask == 1].float().mean()) - 0.15) < 0.01
    fate = seen[chosen]
    assert abs(float((fate == 29).float().mean()) - 0.8) < 0.02
    assert abs(float((fate == tokens[chosen]).float().mean()) - 0.1 - 0.1 / 28) < 0.02
    assert int(fate[fate != 29].max()) == 27, "random tokens are those that are both read and scored"
    torch.rand(9)
    again = task.batch(examples, 3, 5)
    assert torch.equal(again.inputs[0], seen) and torch.equal(again.targets[0], targets)
    assert not torch.equal(task.batch(examples, 3, 6).inputs[0], seen)
    assert not torch.equal(task.batch(examples, 4, 5).inputs[0], seen)


class Words(nn.Module):
    """Scores for 30 tokens at every position."""

    def __init__(self, scores: int = 30) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(30, 8), nn.Linear(8, scores)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embed(tokens))


def task_of(model: nn.Module, example: Tensor, **fields: Any) -> Any:
    traced = ge.trace(model, (example,))
    inputs = model_inputs(traced)
    config = make_config(model="m", **fields)
    return make_task(load(config.data, inputs.inputs, config.task), traced, inputs, config)


@pytest.fixture
def file(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.random.default_rng(0).integers(0, 28, (20, 6)))
    return f"npz:{tmp_path}/t.npz"


def test_language_models_that_do_not_fit_are_refused(file, tmp_path):
    tokens = torch.zeros(2, 6, dtype=torch.int64)
    assert task_of(Words(), tokens, data=file, task="masked-lm", mask_token=29).metric == "token accuracy"
    for scores, token in ((30, 30), (28, 28)):
        with pytest.raises(InputError, match=f"mask_token was given as {token} .* 0 to {token - 1}"):
            task_of(Words(scores), tokens, data=file, task="masked-lm", mask_token=token)
    with pytest.raises(InputError, match="has the token 27 and the model scores 0 to 9"):
        task_of(Words(10), tokens, data=file, task="causal-lm")
    with pytest.raises(InputError, match="none of which enters an embedding"):
        task_of(nn.Linear(64, 10), torch.zeros(2, 64), data="digits", task="causal-lm")
    with pytest.raises(InputError, match="vocabulary\\) scores for each example"):
        task_of(nn.Sequential(Words(), nn.Flatten()), tokens, data=file, task="causal-lm")


@pytest.mark.parametrize("mask", [Input("attention_mask", (1, 40, 40), torch.int64), Input("attention_mask", (40,))])
def test_a_mask_that_does_not_say_which_tokens_are_there_is_refused(mask):
    with pytest.raises(
        InputError, match=r"attention_mask was traced with .* trace the model with an integer"
    ) as caught:
        NextToken((TOKENS[0], mask))
    assert "\n" not in str(caught.value)


def test_the_parts_of_a_batch_are_those_of_the_whole():
    """The tokens that are hidden depend on where a row stands in the whole batch, not on whose part it is in."""
    examples = sentences(10)
    for task in (MaskedLanguageModeling(TOKENS, 29, 28), NextToken(TOKENS)):
        whole = task.batch(examples, 3, 5)
        for member in range(2):
            shard = slice(member, None, 2)
            part = task.batch(examples, 3, 5, shard=shard)
            assert torch.equal(part.inputs[0], whole.inputs[0][shard])
            assert torch.equal(part.targets[0], whole.targets[0][shard])


def test_a_teacher_may_return_what_has_no_row_for_each_example():
    traced = ge.trace(Outputs(lambda y: (y, y.square().mean())), (torch.randn(2, 5),))
    inputs = model_inputs(traced)
    data = load("distill", inputs.inputs)
    task = make_task(data, traced, inputs, make_config(model="m", data="distill"))
    examples, shard = data.train.take(slice(8)), slice(1, None, 2)
    part = task.batch(examples, 0, shard=shard)
    assert part.targets[0].shape == (4, 12) and part.targets[1].shape == ()
    assert torch.equal(part.targets[1], task.batch(examples.take(shard), 0).targets[1])


class Outputs(nn.Module):
    """Returns what `shape` makes of 12 numbers."""

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.make, self.layer = shape, nn.Linear(5, 12)

    def forward(self, x: Tensor) -> Any:
        return self.make(self.layer(x))


@pytest.mark.parametrize(
    ("make", "loss", "metric"),
    [
        (lambda y: y, "auto", "agreement"),
        (lambda y: {"logits": y.view(-1, 3, 4), "more": y}, "auto", "agreement"),
        (lambda y: y.view(-1, 3, 4), "auto", "R2"),
        (lambda y: (y, 2 * y), "auto", "R2"),
        (lambda y: {"logits": y[:, :1]}, "auto", "R2"),
        (lambda y: y, "mse", "R2"),
        (lambda y: (y.view(-1, 3, 4), y), "kl", "agreement"),
    ],
)
def test_the_dense_model_is_its_own_perfect_student(make, loss, metric):
    model = Outputs(make)
    traced = ge.trace(model, (torch.randn(2, 5),))
    inputs = model_inputs(traced)
    data = load("distill", inputs.inputs)
    task = make_task(data, traced, inputs, make_config(model="m", data="distill", distill_loss=loss))
    assert task.metric == metric
    assert math.isclose(evaluate(task, lambda tensors: model(*tensors), data.test), 1, abs_tol=1e-6)
    batch = task.batch(data.train.take(slice(9)), 0)
    assert not batch.targets[0].requires_grad
    assert abs(float(task.loss(model(*batch.inputs), batch.targets).detach())) < 1e-6


def test_kl_and_scaled_error_are_what_they_say():
    model = Outputs(lambda y: y)
    traced = ge.trace(model, (torch.randn(2, 5),))
    inputs = model_inputs(traced)
    data = load("distill", inputs.inputs)
    student = torch.randn(32, 12)
    kl = make_task(data, traced, inputs, make_config(model="m", data="distill"))
    batch = kl.batch(data.train.take(slice(32)), 0)
    p, q = batch.targets[0].double().softmax(1), student.double().softmax(1)
    slow = sum(float(a * (a / b).log()) for a, b in zip(p.flatten(), q.flatten())) / 32
    assert math.isclose(float(kl.loss(student, batch.targets)), slow, rel_tol=1e-4)
    assert kl.value(kl.tally(student, batch.targets)) == float((p.argmax(1) == q.argmax(1)).double().mean())
    mse = make_task(data, traced, inputs, make_config(model="m", data="distill", distill_loss="mse"))
    exact = batch.targets[0]
    scaled = (student - exact).square().mean() / exact.var(correction=0)
    assert math.isclose(
        float(mse.loss(student, mse.batch(data.train.take(slice(32)), 0).targets)), scaled, rel_tol=1e-4
    )
    with pytest.raises(InputError, match="set distill_loss mse"):
        task_of(Outputs(lambda y: y[:, :1]), torch.randn(2, 5), data="distill", distill_loss="kl")
    with pytest.raises(InputError, match="returns no floating tensor"):
        task_of(Outputs(lambda y: y.argmax(1)), torch.randn(2, 5), data="distill")


def test_the_drawn_loss_is_how_likely_the_model_holds_what_it_says_itself():
    """The mean over many draws is the entropy of what is drawn from, and the gradient is noise around 0."""
    scores = torch.tensor([[2.0, 0.0, -1.0]]).repeat(30_000, 1).requires_grad_()
    entropy = float(torch.distributions.Categorical(logits=scores.detach()[0]).entropy())
    for task, output in (
        (Classification(), scores),
        (NextToken(TOKENS), {"logits": scores.view(300, 100, 3)}),
        (LogitDistillation(lambda inputs: scores), scores),
    ):
        loss = task.drawn_loss(output)
        (gradient,) = torch.autograd.grad(loss, scores)
        assert math.isclose(float(loss.detach()) / 30_000, entropy, rel_tol=0.03)
        assert float(gradient.sum(1).abs().max()) < 1e-5 and float(gradient.mean(0).abs().max()) < 0.02
    numbers = torch.zeros(30_000, 2, requires_grad=True)
    loss = Regression().drawn_loss(numbers)
    half = float(loss.detach()) / 30_000  # half the squares of two numbers of variance 1
    assert math.isclose(half, 1.0, rel_tol=0.03)
