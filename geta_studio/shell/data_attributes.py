"""Attributes that assets/js/graph/buttons.js and assets/js/page/status_line.js listen to: a click on such an element
selects something, acts on the graph, or chooses a model."""

from __future__ import annotations

from typing import Any


def selects(kind: str, identity: Any) -> dict[str, Any]:
    """The element selects a "node", "group", "quantizer" or "scope" when clicked, and brings a node into view."""
    return {"data-kind": kind, "data-id": str(identity)}


def acts(action: str, label: str) -> dict[str, Any]:
    """The element does something to the graph: "all", "fold", "in", "out", "fit", "present", "save-png" ..."""
    return {"data-graph": action, "aria-label": label}


def opens(key: str) -> dict[str, Any]:
    """The element chooses the model of a key, as the selector in the header does."""
    return {"data-model": key}


def named(label: str) -> dict[str, Any]:
    """A name for screen readers."""
    return {"aria-label": label}
