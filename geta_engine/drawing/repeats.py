"""Repeated blocks: a run of sibling modules of one make is drawn as its first, and one scope that holds the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple

LEAST = 4
"""Siblings of one make from which on all but the first are folded."""
TO = ".."
"""Between the first and the last of a fold, in its path. No module has an empty name, so no module path holds it."""
DASH = "–"
"""The same where the fold is shown."""

Path = tuple[str, ...]


class Thing(NamedTuple):
    """What stands in a scope: a module, by its path, or a row, by its id; the two may be spelled alike."""

    name: str
    is_module: bool


def folds(paths: Mapping[str, Path], made_of: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Module path -> the scope to draw around it, for every module that is folded.

    `paths` gives each row's scopes, outermost first, in program order, and `made_of` what a row consists of. Two
    modules are of one make when they hold rows made of the same, nested alike, in the same order; names do not matter.

    `layers.0` to `layers.35`, all alike, give `layers.1` ... `layers.35` -> `layers.1..35`.
    """
    around: dict[str, str] = {}
    makes = _makes(paths, made_of)
    for things in _things_by_scope(paths).values():
        for make, run in groupby(things, key=lambda thing: makes[thing.name] if thing.is_module else ()):
            alike = [thing.name for thing in run]
            if make and len(alike) >= LEAST:
                around.update(dict.fromkeys(alike[1:], _range_name(alike[1], alike[-1])))
    return around


def is_fold(scope: str) -> bool:
    """Whether a drawn scope holds repeated modules and is no module itself."""
    return TO in scope


def display_name(scope: str) -> str:
    """A drawn scope as people read it: `layers.1..35` is `layers.1–35`; a module path stays as it is."""
    return scope.replace(TO, DASH)


def _things_by_scope(paths: Mapping[str, Path]) -> dict[str, list[Thing]]:
    """Outer scope -> what stands in it, in order; a row between two modules parts them."""
    inside: dict[str, dict[Thing, None]] = defaultdict(dict)
    for row, path in paths.items():
        things = (*(Thing(scope, True) for scope in path), Thing(row, False))
        for outer, thing in zip(("", *path), things):
            inside[outer][thing] = None
    return {outer: list(things) for outer, things in inside.items()}


def _makes(paths: Mapping[str, Path], made_of: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[object, ...]]:
    """Of each module what it is made of."""
    makes: dict[str, list[object]] = defaultdict(list)
    for row, path in paths.items():
        for depth, scope in enumerate(path):
            makes[scope].append((tuple(_steps(path, depth)), made_of[row]))
    return {scope: tuple(rows) for scope, rows in makes.items()}


def _steps(path: Path, depth: int) -> Iterator[str]:
    """The scopes below one, by name within it: `("attn", "q")` for `("l.0", "l.0.attn", "l.0.attn.q")` at 0."""
    top = len(path[depth]) + 1
    yield from (scope[top:] for scope in path[depth + 1 :])


def _range_name(first: str, last: str) -> str:
    """Two paths as one, with the part in which they differ as a range.

    `layers.1.experts` to `layers.9.experts` are `layers.1..9.experts`.
    """
    first_parts, last_parts = first.split("."), last.split(".")
    start = _n_alike(first_parts, last_parts)
    end = _n_alike(first_parts[start + 1 :][::-1], last_parts[start + 1 :][::-1])
    before, after = first_parts[:start], first_parts[len(first_parts) - end :]
    middles = (".".join(parts[start : len(parts) - end]) for parts in (first_parts, last_parts))
    return ".".join([*before, TO.join(middles), *after])


def _n_alike(a: Sequence[str], b: Sequence[str]) -> int:
    """How many of the first parts are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b)))
