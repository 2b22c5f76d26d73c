"""SPEC -> TracedModel: a zoo name, a `.pt2` file, `hf:DIR`, or (command line only) `module:factory`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geta_engine.config import HUGGING_FACE
from geta_engine.errors import InputError
from geta_engine.torch_internals import tree_leaves, tree_map
from geta_engine.trace.factory import Made, call_factory
from geta_engine.trace.traced import TracedModel, trace


def load(
    spec: str, input: str | Sequence[str] | None = None, *, meta: bool = False, allow_code: bool = True
) -> TracedModel:
    """SPEC (docs/cli.md lists its forms) -> TracedModel.

    `input` (`"1,3,224,224[:dtype]"`, or one such text for each positional input) supplies the example inputs of a
    factory, or the shape of the main input of `hf:DIR`. With `meta` the model is built and traced without weights, on
    the meta device; a `.pt2` holds its weights and is refused. With `allow_code=False` (everything that comes from
    the browser) a factory is refused; `hf:DIR` runs only the code of transformers.

    Raises:
        InputError: the spec names no model that can be traced, with one sentence.
    """
    inputs = [input] if isinstance(input, str) else list(input or ())
    if spec.startswith(HUGGING_FACE):
        return _load_directory(spec.removeprefix(HUGGING_FACE), inputs, meta)
    if spec.endswith(".pt2"):
        if meta:
            raise InputError(f"{spec!r} holds its weights, so there is nothing to leave out: load it without --meta")
        return load_file(Path(spec))
    if ":" in spec:
        if not allow_code:
            raise InputError(
                f"{spec!r} would run code: only the command line takes module:factory, give a .pt2 file instead"
            )
        return _load_factory(spec, inputs, meta)
    from geta_engine.zoo.registry import build

    with torch.device("meta") if meta else nullcontext():
        model, args = build(spec)
    return _traced((model, args, {}), spec, meta)


def load_file(path: Path) -> TracedModel:
    """A `.pt2` archive, inspected before it is opened; never unpickled."""
    if not path.is_file():
        raise InputError(f"there is no file {path.name!r} here: give the path of a .pt2 written by torch.export.save")
    from geta_engine.trace.pt2.archive import safe_load

    program = safe_load(path)
    inputs = program.example_inputs
    if inputs is None:
        raise InputError(f"{path.name!r} holds no example inputs: export it again with the inputs it was traced on")
    args, kwargs = inputs
    return TracedModel(program, path.stem, tuple(args), dict(kwargs))


def _load_directory(directory: str, inputs: list[str], meta: bool) -> TracedModel:
    if len(inputs) > 1:
        raise InputError(
            f"hf:{directory} was given {len(inputs)} inputs: give --input once, the shape of the main input, or none"
        )
    from geta_engine.trace.huggingface.load import load_directory

    shape = tuple(_example(inputs[0]).shape) if inputs else None
    return load_directory(directory, shape, meta)


def _load_factory(spec: str, inputs: list[str], meta: bool) -> TracedModel:
    model, args, kwargs = call_factory(spec, meta)
    if inputs:
        args, kwargs = tuple(_example(text) for text in inputs), {}
    if not args and not kwargs:
        raise InputError(
            f"{spec!r} returns no example inputs: return (model, example_inputs) or pass --input 1,3,224,224"
        )
    return _traced((model, *_two_rows(args, kwargs)), spec.rpartition(":")[2], meta)


def _traced(made: Made, name: str, meta: bool) -> TracedModel:
    """Trace where the tensors are to be: with `meta`, also those that forward itself makes."""
    model, args, kwargs = made
    if not meta:
        return trace(model, args, kwargs, name=name)
    args, kwargs = tree_map(lambda leaf: leaf.to("meta") if isinstance(leaf, Tensor) else leaf, (args, kwargs))
    with torch.device("meta"):
        return trace(_on_meta(model), args, kwargs, name=name)


def _on_meta(model: nn.Module) -> nn.Module:
    """Also what the factory made on the CPU by name, weights that it loaded for instance."""
    return model.to("meta")


def _two_rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Inputs of one row, twice: exporting takes a size of 1 for a constant, and a batch of one means any batch."""
    leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.ndim >= 2]
    if not leaves or any(len(leaf) != 1 for leaf in leaves):
        return args, kwargs
    return tree_map(
        lambda leaf: torch.cat([leaf, leaf]) if isinstance(leaf, Tensor) and leaf.ndim >= 2 else leaf, (args, kwargs)
    )


def _example(text: str) -> Tensor:
    """`"1,3,32,32"` -> random float32 [2, 3, 32, 32]; `"2,16:int64"` -> zeros."""
    shape_text, _, dtype_text = text.partition(":")
    dtype = getattr(torch, dtype_text or "float32", None)
    try:
        shape = [int(part) for part in shape_text.split(",")]
    except ValueError:
        shape = []
    if not shape or min(shape) < 1 or not isinstance(dtype, torch.dtype):
        raise InputError(f"input {text!r} is not usable: give sizes and a dtype, such as 2,3,224,224:float32")
    shape[0] = max(shape[0], 2)
    if not dtype.is_floating_point:
        return torch.zeros(shape, dtype=dtype)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
