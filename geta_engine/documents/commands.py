"""What a person asks of a run: one frozen record a command, and its two columns in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from geta_engine.errors import InputError


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause after the current step, at a checkpoint."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Let a paused run go on; start a worker on a run that has none."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Save a checkpoint and end the worker."""


@dataclass(frozen=True, slots=True)
class Step:
    """Make single steps, then pause again. Raises InputError for a count under 1."""

    count: int = 1
    """How many steps."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"{self.count} single steps were asked for: give 1 or more")


Command = Pause | Resume | Stop | Step
_BY_NAME: dict[str, type[Command]] = {"pause": Pause, "resume": Resume, "stop": Stop, "step": Step}
_NAMES: dict[type[Command], str] = {kind: name for name, kind in _BY_NAME.items()}


def name_of(command: Command) -> str:
    """The word for a command on the command line and in the database: "pause"."""
    return _NAMES[type(command)]


def to_json(command: Command) -> tuple[str, dict[str, int]]:
    """(name, fields): `Step(3)` -> ("step", {"count": 3})."""
    return name_of(command), asdict(command)


def from_json(name: str, fields: Mapping[str, int]) -> Command:
    """The command of `to_json`. Raises InputError for a name or a field that no command has."""
    try:
        return _BY_NAME[name](**fields)
    except (KeyError, TypeError):
        allowed = ", ".join(_BY_NAME)
        raise InputError(f"{name!r} with {dict(fields)!r} is no command: a run takes {allowed}") from None
