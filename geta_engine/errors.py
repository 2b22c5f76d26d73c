"""The one error family. A message is one sentence: what was given, what is allowed, what to do."""

from __future__ import annotations


class GetaError(Exception):
    """Base of every error the engine raises on purpose; its text is fit to show to a person."""


class InputError(GetaError):
    """What was given cannot be used (command line: exit 2)."""


class CheckFailed(GetaError):
    """What must hold does not: a certificate, a bound, an exact count (command line: exit 1)."""
