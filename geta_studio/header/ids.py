"""Ids of the header's components. Browser tests and scripts rely on them: add, do not rename."""

from __future__ import annotations

MODEL_UPLOAD = "model-upload"
MODEL_STATUS = "model-status"
MODEL_SUMMARY = "model-summary"
MODEL_POLL = "model-poll"
MODEL_DELETE = "model-delete"
MODEL_CONFIRM = "model-confirm"
MODEL_CONFIRM_TEXT = "model-confirm-text"
MODEL_DELETE_NOW = "model-delete-now"
MODEL_DELETE_CANCEL = "model-delete-cancel"
RUNS_LINK = "runs-link"
NAMED = "named"
"""dcc.Store: the selection that the last address names, for when its model appears; None after a choice in the
header."""
UPLOADED = "uploaded"
"""dcc.Store: {"model", "name"} of the last upload of this tab; the browser writes it."""
