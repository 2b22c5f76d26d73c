"""The inputs of a traced model: which tensors hold a batch, and how new ones take their places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geta_engine.data.vocabulary import vocabulary_of
from geta_engine.errors import InputError
from geta_engine.torch_internals import TreeSpec, tree_flatten, tree_unflatten
from geta_engine.trace import TracedModel
from geta_engine.trace.traced import is_dynamic


@dataclass(frozen=True)
class Input:
    """One tensor input without its batch dim. `vocabulary` is the number of rows of the embedding that whole numbers
    enter, None where they enter none (a mask, say); `example` [rows, *shape] is what the model was traced on."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    vocabulary: int | None = None
    example: Tensor | None = None

    @property
    def bytes(self) -> int:
        """Of one example."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


@dataclass(frozen=True)
class ModelInputs:
    """The batched tensors of `tree_leaves((args, kwargs))`, in that order; all other leaves stay as traced."""

    inputs: tuple[Input, ...]
    leaves: tuple[Any, ...]
    positions: tuple[int, ...]
    spec: TreeSpec

    def flat(self, tensors: Sequence[Tensor]) -> tuple[Any, ...]:
        """One leaf for each placeholder of the program."""
        placed = dict(zip(self.positions, tensors, strict=True))
        return tuple(placed.get(i, leaf) for i, leaf in enumerate(self.leaves))

    def call_flat(self, model: Callable[..., Any], leaves: Sequence[Any]) -> Any:
        """`model` on what `flat` gave."""
        args, kwargs = tree_unflatten(list(leaves), self.spec)
        return model(*args, **kwargs)

    def call(self, model: Callable[..., Any], tensors: Sequence[Tensor]) -> Any:
        """`model` on one tensor for each input."""
        return self.call_flat(model, self.flat(tensors))

    @property
    def rows(self) -> int:
        """Rows of the batch that the model was traced on."""
        return len(self.examples[0])

    @property
    def examples(self) -> tuple[Tensor, ...]:
        return tuple(self.leaves[i] for i in self.positions)


def model_inputs(traced: TracedModel) -> ModelInputs:
    """What data has to fill: every tensor with as many rows as the first one that has rows of more than one number.

    Raises:
        InputError: the model takes no tensor with rows.
    """
    leaves, spec = tree_flatten((traced.example_args, dict(traced.example_kwargs)))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.ndim]
    if not tensors:
        raise InputError(f"{traced.name} takes no tensor: trace a model that takes a batch of examples")
    rows = len(next((x for x in tensors if x.ndim > 1), tensors[0]))
    given = traced.template.graph.find_nodes(op="placeholder")
    positions = tuple(i for i, x in enumerate(leaves) if isinstance(x, Tensor) and x.ndim and len(x) == rows)
    inputs = tuple(
        Input(given[i].name, tuple(leaves[i].shape[1:]), leaves[i].dtype, vocabulary_of(given[i]), leaves[i])
        for i in positions
    )
    return ModelInputs(inputs, tuple(leaves), positions, spec)


def require_any_batch(traced: TracedModel, inputs: ModelInputs) -> None:
    """Raises InputError when the program runs on as many rows as it was traced on and no others."""
    if is_dynamic(traced):
        return
    rows = len(inputs.examples[0])
    try:
        with torch.no_grad():
            inputs.call(traced.graph_module(), [torch.cat([x, x[:1]]) for x in inputs.examples])
    except (RuntimeError, AssertionError):
        raise InputError(
            f"{traced.name} was traced for batches of {rows} rows and no others: trace it with a free batch size, "
            "as geta trace does"
        ) from None
