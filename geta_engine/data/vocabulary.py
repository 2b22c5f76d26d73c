"""How many tokens a model knows: the rows of the embedding that an input of the traced graph enters."""

from __future__ import annotations

import torch
from torch.fx import Node

from geta_engine.trace.fx_nodes import is_view

_aten = torch.ops.aten
_COPIES = {_aten.to.dtype, _aten.to.dtype_layout, _aten._to_copy.default, _aten.clone.default, _aten.contiguous.default}
"""Ops besides views that hand the same whole numbers on."""


def vocabulary_of(placeholder: Node) -> int | None:
    """Rows of the smallest embedding whose index is the placeholder, cast or viewed; None where there is none.

    `Embedding(100, 8)(x.long().view(-1))` gives 100 for x.
    """
    vocabularies, waiting, seen = [], [placeholder], {placeholder}
    while waiting:
        node = waiting.pop()
        for user in node.users:
            if user.target is _aten.embedding.default and user.args[1] is node:
                vocabularies.append(_rows(user))
            elif user not in seen and (user.target in _COPIES or is_view(user)):
                seen.add(user)
                waiting.append(user)
    return min(vocabularies, default=None)


def _rows(embedding: Node) -> int:
    table = embedding.args[0]
    assert isinstance(table, Node)
    return int(table.meta["val"].shape[0])
