"""Well-known transformers by their shape alone: folders with a config.json, given to the studio as hf:DIR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BERT_BASE: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "vocab_size": 30522,
}
QWEN3_8B: dict[str, Any] = {
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "hidden_size": 4096,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 12288,
    "vocab_size": 151936,
}
SHAPED = {"bert-base": BERT_BASE, "qwen3-8b": QWEN3_8B}


def spec_of(name: str, folder: Path) -> str:
    """What to give as --model: hf:DIR for a shaped model, its config.json written below `folder`; else the name."""
    if name not in SHAPED:
        return name
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    (target / "config.json").write_text(json.dumps(SHAPED[name]), encoding="utf-8")
    return f"hf:{target}"
