"""`module:factory` or `file.py:factory`, run: a model, example args and example kwargs."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geta_engine.errors import InputError

Made = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]
"""A model and what to call it with."""
_FORMS = "return model, (model, example_inputs) or (model, example_args, example_kwargs)"


def call_factory(spec: str, meta: bool = False) -> Made:
    """Import the factory and call it, on the meta device when asked: its model, args and kwargs.

    A factory returns `model`, `(model, example_inputs)` or `(model, example_args, example_kwargs)`. example_inputs is a
    tensor, a tuple or list of positional inputs, or a dictionary of keyword inputs; example_args may be one tensor.

    Raises:
        InputError: it cannot be imported or fails, or what it returns is not one of these.
    """
    module_path, _, attribute = spec.rpartition(":")
    folder = Path(module_path).parent if module_path.endswith(".py") else Path()
    with _importable(folder.resolve()):
        factory = _imported(module_path, attribute, spec)
        if isinstance(factory, nn.Module):
            return _unpacked(factory, spec)
        if not callable(factory):
            raise InputError(
                f"{spec!r} is no function (type {type(factory).__name__}): name one that takes nothing; {_FORMS}"
            )
        try:
            with torch.device("meta") if meta else nullcontext():
                made = factory()
        except Exception as error:
            where = " on the meta device" if meta else ""
            raise InputError(
                f"{spec!r} failed{where} ({_reason(error)}): mend the factory, which takes nothing"
            ) from error
    return _unpacked(made, spec)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules of `folder` can be imported, as they can by a script that lies there."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _imported(module_path: str, attribute: str, spec: str) -> Any:
    try:
        module = _from_file(module_path) if module_path.endswith(".py") else importlib.import_module(module_path)
    except Exception as error:
        raise InputError(
            f"{spec!r} cannot be imported ({_reason(error)}): give package.module:factory or path/file.py:factory"
        ) from error
    factory = getattr(module, attribute, None)
    if factory is None:
        raise InputError(
            f"{spec!r} cannot be used, for {module_path} has no {attribute!r}: name a function that is there"
        )
    return factory


def _from_file(module_path: str) -> Any:
    """A module under a name of its own, so that `torch.py` hides nothing."""
    module_spec = importlib.util.spec_from_file_location(f"geta_factory_{Path(module_path).stem}", module_path)
    assert module_spec is not None and module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_spec.name] = module
    module_spec.loader.exec_module(module)
    return module


def _unpacked(made: Any, spec: str) -> Made:
    parts = made if isinstance(made, tuple) else (made,)
    if not parts or not isinstance(parts[0], nn.Module) or len(parts) > 3:
        held = f"({', '.join(type(part).__name__ for part in parts)})" if isinstance(made, tuple) else ""
        raise InputError(f"{spec!r} returned {held or type(made).__name__}: {_FORMS}")
    if len(parts) == 1:
        return parts[0], (), {}
    if len(parts) == 2 and isinstance(parts[1], Mapping):
        return parts[0], (), _keywords(parts[1], spec)
    kwargs = _keywords(parts[2], spec) if len(parts) == 3 else {}
    if isinstance(parts[1], Tensor):
        return parts[0], (parts[1],), kwargs
    if not isinstance(parts[1], (tuple, list)):
        raise InputError(
            f"{spec!r} returned inputs of type {type(parts[1]).__name__}: give a tensor, a tuple or list of "
            "positional inputs, or a dictionary of keyword inputs"
        )
    return parts[0], tuple(parts[1]), kwargs


def _keywords(given: Any, spec: str) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise InputError(f"{spec!r} returned keyword inputs that are no dictionary by name: {_FORMS}")
    return dict(given)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200].rstrip('.')}" if lines else type(error).__name__
