"""`analyze`: traced program -> Qadg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from torch.fx import GraphModule

from geta_engine.documents.qadg import Qadg
from geta_engine.errors import InputError
from geta_engine.qadg.grouping.components import components
from geta_engine.qadg.grouping.groups import Blocks, group_units
from geta_engine.qadg.labels.space import Value
from geta_engine.qadg.propagate import propagate, protect_labels
from geta_engine.qadg.quantizers.branches import find_branches
from geta_engine.qadg.quantizers.placement import place_quantizers
from geta_engine.trace import TracedModel

Granularity = Literal["head", "head_dim"]


def analyze(
    traced: TracedModel,
    weights: bool = True,
    activations: bool = False,
    protect: Iterable[str] = (),
    granularity: Granularity = "head",
    attention: bool = True,
) -> Qadg:
    """The quantization-aware dependency graph of a traced model (docs/method.md, section 3).

    `weights` and `activations` say which tensors get quantizers, `attention` whether those of activations also go
    to what is multiplied by another activation; `protect` are globs on parameter names or layers that must stay whole;
    attention loses whole heads, or with `granularity="head_dim"` the same offsets of every head.
    Only shapes are read, so meta tensors will do.
    Raises InputError when a glob matches nothing. Example: for the zoo's `resnet20`, 12 prunable groups of 448 units.
    """
    if granularity not in get_args(Granularity):
        raise InputError(f"granularity {granularity!r} is not known: give {' or '.join(get_args(Granularity))}")
    return analyze_module(traced.template, weights, activations, protect, granularity, attention)


def analyze_module(
    module: GraphModule,
    weights: bool,
    activations: bool,
    protect: Iterable[str],
    granularity: Granularity = "head",
    attention: bool = True,
) -> Qadg:
    """`analyze` on a graph module that is at hand already."""
    branches = find_branches(module.graph)
    propagated = propagate(module, granularity == "head", branches)
    protect_labels(propagated, _protected(module, tuple(protect)))
    unit_components = components(propagated)
    grouped = group_units(propagated, unit_components)
    units = Blocks(unit_components, grouped.unit_of)
    blocks: dict[str, Any] = {}
    for node, values in propagated.values.items():
        if isinstance(values, tuple):
            blocks[node.name] = tuple(units.of(value) for value in values)
        elif isinstance(values, Value):
            blocks[node.name] = units.of(values)
    calls = [node for node in module.graph.nodes if node.op == "call_function"]
    return Qadg(
        groups=grouped.groups,
        quantizers=place_quantizers(module, weights, activations, branches, attention),
        pinned_ops=dict(propagated.space.unknown_ops),
        blocks=blocks,
        nodes=len(calls),
        edges=sum(source.op == "call_function" for node in calls for source in node.all_input_nodes),
        branches=branches,
    )


def _protected(module: GraphModule, patterns: tuple[str, ...]) -> Mapping[str, str]:
    names = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    matched: dict[str, str] = {}
    for pattern in patterns:
        hits = [n for n in names if fnmatchcase(n, pattern) or fnmatchcase(n.rpartition(".")[0], pattern)]
        if not hits:
            raise InputError(
                f"protect {pattern!r} matches no parameter: give a glob such as 'layer1.*' or {names[0]!r}"
            )
        matched.update(dict.fromkeys(hits, pattern))
    return matched
