"""A traced model: an exported ATen program with its parameters and example inputs."""

from __future__ import annotations

import copy
import hashlib
import inspect
import io
import os
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from geta_engine.errors import InputError
from geta_engine.torch_internals import tree_leaves, tree_map
from geta_engine.trace.meta_kernels import register_shapes
from geta_engine.trace.passes.functionalize import functionalize
from geta_engine.trace.passes.inline import inline_regions
from geta_engine.trace.passes.normalize import drop_dtype_checks, drop_whole_slices, explicit_epsilon
from geta_engine.trace.passes.train_eval import set_training


@dataclass(frozen=True)
class TracedModel:
    """One exported program and where it came from.

    `program` is never changed; `graph_module()` hands out a trainable copy of it: flat ATen nodes, parameters under
    their own dotted names, train/eval switched by `set_training`.
    """

    program: ExportedProgram
    name: str
    example_args: tuple[Any, ...]
    example_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def template(self) -> GraphModule:
        """The program as one flat graph in eval mode, to be read and never changed; its tensors are the program's."""
        module = self.program.module(check_guards=False)
        assert isinstance(module, GraphModule)
        inline_regions(module)
        drop_dtype_checks(module.graph)
        drop_whole_slices(module.graph)
        functionalize(module.graph)
        explicit_epsilon(module.graph)
        set_training(module, False)
        module.graph.eliminate_dead_code()
        module.graph.lint()
        return module

    def graph_module(self) -> GraphModule:
        """A fresh copy of `template` whose parameters and buffers are its own."""
        return _with_own_tensors(self.template)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.graph_module()(*args, **kwargs)

    @property
    def hash(self) -> str:
        """sha256 over the graph's text and the parameters' names and shapes (not their values), hex."""
        digest = hashlib.sha256(str(self.program.graph).encode())
        for key, value in self.program.state_dict.items():
            digest.update(f"{key}:{tuple(value.shape)}:{value.dtype};".encode())
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `.pt2` that plain PyTorch loads with `torch.export.load`; the file appears whole or not at all."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".pt2")
        os.close(handle)
        try:
            torch.export.save(self.program, temporary)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def trace(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None = None,
    dynamic_batch: bool = True,
    name: str | None = None,
) -> TracedModel:
    """Trace `model` on example inputs with `torch.export` (eval mode).

    With `dynamic_batch`, dim 0 of every tensor input of two or more dims is a free size: the example batch must be at
    least 2, since exporting specialises sizes 0 and 1. Raises InputError when the model cannot be exported.
    """
    kwargs = dict(kwargs or {})
    if dynamic_batch and any(isinstance(x, Tensor) and x.ndim > 1 and len(x) == 1 for x in tree_leaves((args, kwargs))):
        raise InputError("the example inputs hold one row, which exporting takes for a constant: give at least 2 rows")
    was_training = model.training
    model.eval()
    try:
        program = _export(model, args, kwargs, dynamic_batch)
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{type(model).__name__} cannot be traced by torch.export ({reason}): "
            "give a model without data-dependent control flow and example inputs that fit it"
        ) from error
    finally:
        model.train(was_training)
    traced = TracedModel(program, name or type(model).__name__, args, kwargs)
    traced.template  # noqa: B018 - made here, where a person waits for the export anyway
    return traced


def retrace(module: GraphModule, origin: TracedModel, name: str) -> TracedModel:
    """An edited graph module of `origin` as a TracedModel of its own; shapes are checked on the way."""
    dynamic = is_dynamic(origin)
    program = _export(module, origin.example_args, dict(origin.example_kwargs), dynamic)
    return TracedModel(program, name, origin.example_args, origin.example_kwargs)


def is_dynamic(traced: TracedModel) -> bool:
    """Whether the batch size is free."""
    return bool(traced.program.range_constraints)


def _export(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: bool) -> ExportedProgram:
    register_shapes()
    shapes = _batch_shapes(model, args, kwargs) if dynamic else None
    hook = model.register_forward_hook(lambda module, inputs, output: _plain(output))
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            return torch.export.export(model, tuple(args), kwargs, dynamic_shapes=shapes, strict=False)
    finally:
        hook.remove()


def _plain(output: Any) -> Any:
    """Outputs in dicts, lists and tuples, which a file can hold without naming a class; None in them is left out."""
    if isinstance(output, Mapping):
        return {str(key): _plain(value) for key, value in output.items() if value is not None}
    if isinstance(output, tuple):
        return tuple(_plain(value) for value in output)
    return output


def _batch_shapes(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    signature = inspect.signature(model.forward)
    bound = signature.bind(*args, **kwargs)
    named = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named.update(named.pop(name, {}))
    batches = {len(x) for x in tree_leaves(named) if isinstance(x, Tensor) and x.ndim >= 2}

    def batch_dim(leaf: Any) -> Any:
        """Dim 0 of a matrix, and of a vector with one number a row."""
        is_batch = isinstance(leaf, Tensor) and (leaf.ndim >= 2 or (leaf.ndim == 1 and len(leaf) in batches))
        return {0: Dim.AUTO} if is_batch else None

    return tree_map(batch_dim, named)


def _with_own_tensors(module: GraphModule) -> GraphModule:
    """Deep copy, so that training the copy leaves the program as it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        copied = copy.deepcopy(module)
    for parameter in copied.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
    return copied
