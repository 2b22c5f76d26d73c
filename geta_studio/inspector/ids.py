"""Ids of the inspector's components. Browser tests and scripts rely on them: add, do not rename."""

from __future__ import annotations

INSPECTOR = "inspector"
INSPECT_HEAD = "inspect-head"
INSPECT_LIVE = "inspect-live"
INSPECT_FIGURE = "inspect-figure"
INSPECT_NOTE = "inspect-note"
INSPECT_BODY = "inspect-body"
INSPECT_PLOT = "inspect-plot"
