"""SPEC -> TracedModel: a zoo name, a `.pt2` file, or (command line only) `module:factory`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geta_engine.errors import InputError
from geta_engine.trace.traced import TracedModel, trace


def load(spec: str, input: str | None = None, *, allow_code: bool = True) -> TracedModel:
    """SPEC as DESIGN's page lists it -> TracedModel.

    `input` (`"1,3,224,224[:dtype]"`) supplies example inputs to a factory that returns none. With `allow_code=False`
    (everything that comes from the browser) a factory is refused. Raises InputError with one sentence.
    """
    if spec.endswith(".pt2"):
        return load_file(Path(spec))
    if ":" in spec:
        if not allow_code:
            raise InputError(
                f"{spec!r} would run code: only the command line takes module:factory, give a .pt2 file instead"
            )
        return _from_factory(spec, input)
    from geta_engine.zoo.registry import build

    model, args = build(spec)
    return trace(model, args, name=spec)


def load_file(path: Path) -> TracedModel:
    """A `.pt2` archive, inspected before it is opened; never unpickled."""
    if not path.is_file():
        raise InputError(f"there is no file {path.name!r} here: give the path of a .pt2 written by torch.export.save")
    from geta_engine.trace.archive import safe_load

    program = safe_load(path)
    inputs = program.example_inputs
    if inputs is None:
        raise InputError(f"{path.name!r} holds no example inputs: export it again with the inputs it was traced on")
    args, kwargs = inputs
    return TracedModel(program, path.stem, tuple(args), dict(kwargs))


def _from_factory(spec: str, input: str | None) -> TracedModel:
    module_part, _, attribute = spec.rpartition(":")
    factory = _import_factory(module_part, attribute, spec)
    made = factory()
    model, args, kwargs = _unpack(made, spec)
    if input is not None:
        args, kwargs = (_example(input),), {}
    if not args and not kwargs:
        raise InputError(
            f"{spec!r} returns no example inputs: return (model, example_inputs) or pass --input 1,3,224,224"
        )
    return trace(model, args, kwargs, name=attribute)


def _import_factory(module_part: str, attribute: str, spec: str) -> Callable[[], Any]:
    try:
        if module_part.endswith(".py"):
            module_spec = importlib.util.spec_from_file_location(Path(module_part).stem, module_part)
            assert module_spec is not None and module_spec.loader is not None
            module = importlib.util.module_from_spec(module_spec)
            sys.modules[module_spec.name] = module
            module_spec.loader.exec_module(module)
        else:
            module = importlib.import_module(module_part)
        return getattr(module, attribute)
    except (ImportError, FileNotFoundError, AttributeError) as error:
        raise InputError(
            f"{spec!r} cannot be imported ({error}): give package.module:factory or path/file.py:factory"
        ) from None


def _unpack(made: Any, spec: str) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    parts = made if isinstance(made, tuple) else (made,)
    if not parts or not isinstance(parts[0], nn.Module) or len(parts) > 3:
        raise InputError(
            f"{spec!r} returned {type(made).__name__}: return model, (model, inputs) or (model, args, kwargs)"
        )
    args = parts[1] if len(parts) > 1 else ()
    args = tuple(args) if isinstance(args, (tuple, list)) else (args,)
    return parts[0], args, dict(parts[2]) if len(parts) > 2 else {}


def _example(text: str) -> torch.Tensor:
    shape_text, _, dtype_text = text.partition(":")
    dtype = getattr(torch, dtype_text or "float32", None)
    try:
        shape = [int(part) for part in shape_text.split(",")]
    except ValueError:
        shape = []
    if not shape or min(shape) < 1 or not isinstance(dtype, torch.dtype):
        raise InputError(f"input {text!r} is not usable: give sizes and a dtype, such as 2,3,224,224:float32")
    shape[0] = max(shape[0], 2)
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(shape, generator=generator).to(dtype)
        if dtype.is_floating_point
        else torch.zeros(shape, dtype=dtype)
    )
