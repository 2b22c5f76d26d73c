"""Long lists as plain data: assets/js/html_tree.js makes the elements. Every Dash component is told of every change on
the page, so that a thousand of them in a list would slow all the rest down."""

from __future__ import annotations

from typing import Any

Plain = list[Any]
"""`[tag, {attribute: value}, *children]`; a child is another or a text."""


def plain(tag: str, *children: Plain | str, **attributes: str) -> Plain:
    """An element. `class_` is its class; `data_id` and `aria_expanded` are written with a dash."""
    return [tag, {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}, *children]
