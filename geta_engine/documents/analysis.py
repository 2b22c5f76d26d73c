"""The analysis of a model as it crosses processes and is drawn: what `geta analyze --json` writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Analysis = Mapping[str, Any]
