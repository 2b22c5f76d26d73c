"""Finished runs of small real models, and what of them changed by their files alone; for tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from serving import ROOT

SHORT = """
schedule: {warmup: 1, projection: 2, projection_periods: 1, joint: 2, joint_periods: 1, cooldown: 2}
evaluations: 1
batch_size: 32
"""
VOCABULARY = 64
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}


def run_of(store: str, folder: Path, spec: str, data: str, sparsity: float, task: str = "auto") -> dict[str, Any]:
    """A finished run in a store: what `geta run --json` tells of it."""
    config, result = folder / "short.yaml", folder / "result.json"
    config.write_text(f"{SHORT}task: {task}\n")
    command = ["run", spec, "--data", data, "--config", str(config), "--store", store]
    command += ["--sparsity", str(sparsity), "--json", str(result)]
    done = subprocess.run([sys.executable, "-m", "geta_engine.cli", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(result.read_text()))


def small_bert(folder: Path) -> str:
    """`hf:DIR` of a BERT of four layers that tells four classes apart."""
    import transformers

    config = transformers.BertConfig(**SIZES, num_hidden_layers=4, max_position_embeddings=32, num_labels=4)
    return _saved(folder / "bert", transformers.BertForSequenceClassification, config)


def small_qwen3(folder: Path) -> str:
    """`hf:DIR` of a Qwen3 of four layers."""
    import transformers

    config = transformers.Qwen3Config(**SIZES, num_hidden_layers=4, num_key_value_heads=2, head_dim=8)
    return _saved(folder / "qwen3", transformers.Qwen3ForCausalLM, config)


def _saved(target: Path, kind: Any, config: Any) -> str:
    import torch

    torch.manual_seed(0)
    kind(config).save_pretrained(target)
    return f"hf:{target}"


def counting(folder: Path) -> str:
    """`npz:FILE` of token rows that count up in steps of 1, 2 or 3: something to predict the next token of."""
    drawn = np.random.default_rng(0)
    start, step = drawn.integers(0, VOCABULARY, (256, 1)), drawn.integers(1, 4, (256, 1))
    np.savez(folder / "tokens.npz", x=(start + step * np.arange(16)) % VOCABULARY)
    return f"npz:{folder / 'tokens.npz'}"


def shapes_of(file: Path) -> dict[str, tuple[int, ...]]:
    """The parameters of a model file (.pt2, or a folder with safetensors), by their shapes."""
    if file.is_dir():
        from safetensors.numpy import load_file

        tensors = load_file(file / "model.safetensors")
    else:
        import torch

        tensors = torch.export.load(file).state_dict
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def differing(before: Mapping[str, tuple[int, ...]], after: Mapping[str, tuple[int, ...]]) -> set[str]:
    """Layers of which a parameter has another shape."""
    assert before.keys() == after.keys()
    return {name.rpartition(".")[0] for name, shape in before.items() if after[name] != shape}
