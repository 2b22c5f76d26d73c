"""All rows, and what is asked of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

import geta_engine as ge
from tests.engine.architectures import (
    transformers_text,
    transformers_vision,
    written,
    written_small,
    written_vision,
)
from tests.engine.architectures.row import Architecture, prunable_share
from tests.models import randomize

EXCEPTIONS: dict[str, dict[str, Any]] = {
    "cond": {"share": 0.4, "pinned": frozenset({"cond"})},
    "mixtral_grouped": {
        "share": 0.1,
        "pinned": frozenset({"transformers::grouped_mm_fallback"}),
    },
    "beit": {"pinned": frozenset({"copy_", "fill_"})},
    "vit mae": {"pinned": frozenset({"fill_"})},
    "detr": {"share": 0.35},
    "mixer": {"share": 0.6},
    "cumsum": {"share": 0.8},
    "wav2vec2_group_masked": {"share": 0.8},
    "shufflenet_v2": {"share": 0.9},
}
"""What is known to stay whole: the branches of a cond, sorted rows of experts, tables written into, sizes of inputs,
frozen norms whose weights are buffers."""
FAMILIES = (
    written_small.ROWS, written.ROWS, written_vision.ROWS, transformers_text.ROWS, transformers_vision.ROWS
)  # fmt: skip
ROWS: dict[str, Architecture] = {
    row.name: replace(row, **EXCEPTIONS.get(row.name, {}))
    for rows in (
        written_small.ROWS,
        written.ROWS,
        written_vision.ROWS,
        transformers_text.ROWS,
        transformers_vision.ROWS,
    )
    for row in rows
}
SPARSITIES = (0.3, 0.7)


@dataclass(frozen=True)
class Outcome:
    """What a row showed: groups, share of parameters in prunable slices, ops without a rule, and its certificates."""

    qadg: ge.Qadg
    share: float
    certificates: tuple[ge.Certificate, ...]


def trace_row(row: Architecture) -> ge.TracedModel:
    model, args, kwargs = row.build()
    traced = ge.trace(model, args, dict(kwargs), dynamic_batch=row.dynamic_batch, name=row.name)
    return randomize(_lively(traced))


def _lively(traced: ge.TracedModel) -> ge.TracedModel:
    """Scale faint weights up in place: under an initialisation of 0.02 a wrong branch would not be seen."""
    with torch.no_grad():
        for value in traced.program.state_dict.values():
            if value.is_floating_point() and value.ndim > 1 and value[0].numel() > 1:
                spread = float(value.std())
                wanted = value[0].numel() ** -0.5
                if 0 < spread < 0.3 * wanted:
                    value.mul_(wanted / spread)
    return traced


def examine(row: Architecture, dtype: torch.dtype = torch.float32) -> Outcome:
    """Trace, analyze, and prove the row at each sparsity that leaves every group a unit."""
    traced = trace_row(row)
    qadg = ge.analyze(traced, granularity=row.granularity)
    read = {str(node.target) for node in traced.template.graph.nodes if node.op == "get_attr" and node.users}
    shapes = {n: tuple(p.shape) for n, p in traced.template.named_parameters(remove_duplicate=False) if n in read}
    certificates = tuple(
        ge.verify(traced, qadg, sparsity, seed=seed, dtype=dtype)
        for seed, sparsity in enumerate(SPARSITIES)
        if int(sparsity * qadg.prunable_units) <= qadg.max_zero_units
    )
    return Outcome(qadg, prunable_share(qadg, shapes), certificates)
