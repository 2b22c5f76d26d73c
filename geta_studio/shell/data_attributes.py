"""Attributes that assets/js/graph/buttons.js and assets/js/page/status_line.js listen to: a click on such an element
selects something, acts on the graph, or chooses a model."""

from __future__ import annotations

from typing import Any

Attributes = dict[str, Any]
"""Attributes of an element whose names have a dash: Dash takes them as further keyword arguments."""


def selects(kind: str, identity: str | int) -> Attributes:
    """The element selects a "node", "group", "quantizer" or "scope" when clicked, and brings a node into view."""
    return {"data-kind": kind, "data-id": str(identity)}


def acts(action: str, label: str) -> Attributes:
    """The element does something to the graph: "all", "fold", "in", "out", "fit", "present", "save-png" ..."""
    return {"data-graph": action, "aria-label": label}


def opens(key: str) -> Attributes:
    """The element chooses the model of a key, as the selector in the header does."""
    return {"data-model": key}


def named(label: str) -> Attributes:
    """A name for screen readers."""
    return {"aria-label": label}
