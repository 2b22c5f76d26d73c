"""What is written on the parts of a drawing: rows, scopes and large numbers."""

from __future__ import annotations

from collections.abc import Sequence

from geta_engine.documents.analysis import NodeDocument
from geta_engine.drawing import repeats

SHORT_OPS = {
    "scaled_dot_product_attention": "attention",
    "adaptive_avg_pool2d": "average pool",
    "avg_pool2d": "average pool",
    "adaptive_max_pool2d": "max pool",
    "max_pool2d": "max pool",
    "layer_norm": "norm",
    "cat": "concat",
}
"""Ops whose own name is too long to be written, or says too little."""


def relative(scope: str, outer: str) -> str:
    """A module path as it is written inside `outer`.

    relative("layer1.0.shortcut", "layer1.0") is "shortcut". A bare number keeps the name before it:
    relative("layer1.0", "layer1") is "layer1.0", and "layer1.1..3" there is "layer1.1–3".
    """
    inner = scope[len(outer) + 1 :] if outer and scope.startswith(outer + ".") else scope
    is_number = inner.replace(repeats.TO, "").isdigit()
    return repeats.display_name(".".join(repeats.display_name(scope).split(".")[-2:]) if is_number else inner)


def row_label(nodes: Sequence[NodeDocument], scope: str, path: Sequence[str]) -> str:
    """`conv1 + bn1 + relu`; a row alone in its module takes the name of the module: `shortcut`.

    `scope` is the module that the first node is in, `path` the scopes drawn around the row, outermost first.
    """
    drawn_scope = path[-1] if path else ""
    if scope != drawn_scope:
        return relative(scope, drawn_scope)
    return " + ".join(node["op"] if node["name"] == drawn_scope else _short_label(node) for node in nodes)


def _short_label(node: NodeDocument) -> str:
    if node["kind"] == "input":
        return f"input {node['label']}"
    return SHORT_OPS.get(node["label"], node["label"])


def short_count(number: float) -> str:
    """`950`, `14.0 k`, `1.2 M`, `8.1 G`."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.1f} {unit}"
    return f"{number:.0f}"
