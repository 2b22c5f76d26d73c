"""Short whole runs of tasks that are no image classification: each beats chance clearly and meets its constraints."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import Schedule, make_config
from geta_engine.documents.events import ResultEvent, StepEvent
from geta_engine.training.loop import Loop

SCHEDULE = Schedule(warmup=60, projection=40, projection_periods=2, joint=40, joint_periods=2, cooldown=80)
WORDS, MASK, LENGTH = 12, 12, 16


class Reader(nn.Module):
    """Scores for every token from its neighbours: both for a hidden one, those before for the next one."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.pads = (2, 0) if causal else (1, 1)
        self.embed, self.mix = nn.Embedding(WORDS + 1, 16), nn.Conv1d(16, 32, 3)
        self.hidden, self.head = nn.Linear(32, 32), nn.Linear(32, WORDS + 1)

    def forward(self, input_ids: Tensor, *, attention_mask: Tensor) -> dict[str, Tensor]:
        x = self.embed(input_ids) * attention_mask[:, :, None]
        x = F.relu(self.mix(F.pad(x.transpose(1, 2), self.pads))).transpose(1, 2)
        return {"logits": self.head(F.relu(self.hidden(x)))}


def sentences(path: Path) -> str:
    """Every token is the one before it plus 5, modulo 12; the first is random."""
    first = np.random.default_rng(0).integers(0, WORDS, (400, 1))
    tokens = (first + 5 * np.arange(LENGTH)) % WORDS
    np.savez(path, x=tokens, attention_mask=np.ones_like(tokens))
    return f"npz:{path}"


def assert_constraints_met(result: dict[str, Any], sparsity: float) -> None:
    assert result["zero_units"] == result["k_target"] == int(sparsity * result["total_units"])
    assert all(q["lower"] <= q["bits"] <= q["upper"] and isinstance(q["bits"], int) for q in result["quantizers"])
    assert result["verify"]["max_rel_diff"] <= 1e-10


@pytest.mark.parametrize(("task", "fields"), [("masked-lm", {"mask_token": MASK}), ("causal-lm", {})])
def test_a_language_model_learns_the_rule_of_its_tokens(tmp_path, task, fields):
    torch.manual_seed(0)
    example = torch.zeros(2, LENGTH, dtype=torch.int64)
    traced = ge.trace(Reader(task == "causal-lm"), (example,), {"attention_mask": torch.ones_like(example)})
    config = make_config(
        model="reader",
        data=sentences(tmp_path / "t.npz"),
        task=task,
        schedule=SCHEDULE,
        sparsity=0.3,
        lr=0.01,
        **fields,
    )
    loop, state = Loop(traced, config), None
    for event in loop.events():
        if isinstance(event, StepEvent) and event.step == 110:
            state = copy.deepcopy(loop.state())
    assert isinstance(event, ResultEvent)
    result = event.summary
    assert_constraints_met(result, 0.3)
    assert result["metric"]["name"] == "token accuracy" and result["task"] == task
    assert result["metric"]["final"] > 0.8 and abs(result["metric"]["final"] - result["metric"]["compact"]) < 0.01
    again = Loop(traced, config)
    again.restore(state)
    *_, resumed = again.events()
    assert resumed.summary["state_sha256"] == result["state_sha256"], "what is hidden depends on seed and step alone"


def test_a_regression_explains_what_the_dense_model_explains(tmp_path):
    """442 real patients, ten measures and the progression of diabetes after a year (scikit-learn)."""
    x, y = load_diabetes(return_X_y=True)
    np.savez(tmp_path / "diabetes.npz", x=x, y=y)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    config = make_config(
        model="mlp",
        data=f"npz:{tmp_path}/diabetes.npz",
        schedule=SCHEDULE,
        lr=0.001,
        weight_decay=0.01,
        optimizer="adamw",
        baseline=True,
    )
    *_, end = Loop(ge.trace(model, (torch.randn(2, 10),)), config).events()
    result = end.summary
    assert_constraints_met(result, 0.5)
    metric = result["metric"]
    assert metric["name"] == "R2" and metric["final"] > 0.25 and metric["final"] > metric["dense"] - 0.1
    assert abs(metric["final"] - metric["compact"]) < 1e-4
