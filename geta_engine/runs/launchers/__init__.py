"""What can start the worker of a run, by the name that is stored with the run. No torch."""

from __future__ import annotations

from geta_engine.errors import InputError
from geta_engine.runs.launchers.base import Launcher
from geta_engine.runs.launchers.local import LocalLauncher

LAUNCHERS: dict[str, Launcher] = {"local": LocalLauncher()}


def launcher_named(name: str) -> Launcher:
    """The launcher of a run. Raises InputError for a name that this version does not know."""
    try:
        return LAUNCHERS[name]
    except KeyError:
        names = ", ".join(LAUNCHERS)
        raise InputError(f"the launcher {name!r} is not known here: give one of {names}") from None
