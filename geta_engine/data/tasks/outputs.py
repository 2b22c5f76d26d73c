"""The tensors among a model's outputs that a task reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from geta_engine.errors import InputError
from geta_engine.torch_internals import tree_leaves


def floats(output: Any) -> tuple[Tensor, ...]:
    """All floating outputs, half precisions as float32."""
    leaves = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.is_floating_point())
    return tuple(leaf.float() if leaf.dtype in (torch.bfloat16, torch.float16) else leaf for leaf in leaves)


def main(output: Any) -> Tensor:
    """What is under the key logits, or else the first floating output.

    Raises:
        InputError: there is none.
    """
    tensors = floats(output["logits"] if isinstance(output, Mapping) and "logits" in output else output)
    if not tensors:
        raise InputError("the model returns no floating tensor, so nothing can be learned: trace one that does")
    return tensors[0]
