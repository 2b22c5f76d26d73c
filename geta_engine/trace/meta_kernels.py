"""Shapes of PyTorch's fake-quantize ops, which come without: torch.export needs them when the batch is a free size."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from geta_engine.torch_internals import has_meta_kernel


@cache
def register_shapes() -> torch.library.Library:
    """Register what is missing, once a process; what PyTorch brings by itself is left alone."""
    library = torch.library.Library("aten", "IMPL")
    masked = ("fake_quantize_per_tensor_affine", "_fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine")
    names = [f"{name}_cachemask" for name in masked]
    names[1] += "_tensor_qparams"
    for name in names:
        _register(library, name, _like_with_mask)
    for kind in ("tensor", "channel"):
        _register(library, f"_fake_quantize_learnable_per_{kind}_affine", _like)
    return library


def _register(library: torch.library.Library, name: str, shape: object) -> None:
    if not has_meta_kernel(name):
        library.impl(name, shape, "Meta")


def _like(x: Tensor, *_: object) -> Tensor:
    return torch.empty_like(x)


def _like_with_mask(x: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(x, dtype=torch.bool)
