"""Ids of the Result tab's components. Browser tests and scripts rely on them: add, do not rename."""

from __future__ import annotations

RESULT = "result"
