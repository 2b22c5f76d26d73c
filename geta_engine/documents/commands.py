"""What a person asks of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Command = Literal["pause", "resume", "stop", "step"]


@dataclass(frozen=True, slots=True)
class Request:
    """A command left for the worker of a run."""

    command: Command
    args: dict[str, Any] = field(default_factory=dict)
