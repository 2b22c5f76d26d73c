"""A pretrained transformer given as a file, compressed without any data: the dense model is the teacher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import geta_engine as ge
from geta_engine.cli import output
from geta_engine.cli.app import commands

transformers = pytest.importorskip("transformers")

GETA = [sys.executable, "-m", "geta_engine.cli"]
CONFIG = """
schedule: {warmup: 4, projection: 12, projection_periods: 2, joint: 20, joint_periods: 2, cooldown: 44}
optimizer: adamw
lr: 0.001
batch_size: 16
"""


def geta(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*GETA, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def examples(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random tokens, and the rule: whether the first one is odd."""
    tokens = torch.randint(0, 64, (rows, 32), generator=torch.Generator().manual_seed(seed))
    return tokens, tokens[:, 0] % 2


def pretrained(folder: Path) -> None:
    """A small BERT that has learned the rule, as `save_pretrained` writes it."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=64,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=32,
        num_labels=2,
    )
    model = transformers.BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(60):
        tokens, classes = examples(32, step)
        optimizer.zero_grad()
        F.cross_entropy(model(tokens).logits, classes).backward()
        optimizer.step()
    model.save_pretrained(folder)


@pytest.mark.slow
def test_a_pretrained_transformer_is_compressed_from_its_file_alone(tmp_path):
    pretrained(tmp_path / "bert")
    traced = ["trace", f"hf:{tmp_path}/bert", "--input", "2,32:int64", "-o", f"{tmp_path}/m.pt2"]
    assert output.main(commands, traced) == 0
    tokens, classes = examples(512, 1000)
    with torch.no_grad():
        dense = ge.load(str(tmp_path / "m.pt2"))(tokens, torch.ones_like(tokens)).argmax(1)
    assert float((dense == classes).float().mean()) > 0.98, "the teacher must know the rule"

    (tmp_path / "c.yaml").write_text(CONFIG)
    flags = ("--config", "c.yaml", "--sparsity", "0.3", "--bits", "4:8", "--baseline", "--json", "-")
    done = geta(tmp_path, "run", "m.pt2", "--data", "distill", *flags)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["zero_units"] == result["k_target"] == int(0.3 * result["total_units"])
    assert all(type(q["bits"]) is int and 4 <= q["bits"] <= 8 for q in result["quantizers"])
    assert result["verify"]["max_rel_diff"] <= 1e-10 and result["params_compact"] < result["params_dense"]
    metric = result["metric"]
    assert (result["task"], metric["name"], metric["dense"]) == ("distill", "agreement", 1.0)
    assert metric["final"] >= 0.95 and abs(metric["final"] - metric["compact"]) * result["test_samples"] <= 1

    (file,) = (tmp_path / ".geta").rglob("compact.pt2")
    with torch.no_grad():
        small = ge.load(str(file))(tokens, torch.ones_like(tokens)).argmax(1)
    assert float((small == classes).float().mean()) > 0.93, "the small model must know what the teacher was taught"
