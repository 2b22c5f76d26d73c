"""Ids of the Runs page's components. Browser tests and scripts rely on them: add, do not rename."""

from __future__ import annotations

RUNS_TABLE = "runs-table"
RUNS_GRID = "runs-grid"
RUNS_OPEN = "runs-open"
RUNS_RESUME = "runs-resume"
RUNS_DELETE = "runs-delete"
RUNS_CONFIRM = "runs-confirm"
RUNS_CONFIRM_TEXT = "runs-confirm-text"
RUNS_DELETE_NOW = "runs-delete-now"
RUNS_DELETE_CANCEL = "runs-delete-cancel"
