"""Repeated blocks: a run of sibling modules of one make is drawn as its first, and one scope that holds the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby

LEAST = 4
"""Siblings of one make from which on all but the first are folded."""
DASH = "–"

Path = tuple[str, ...]


def folds(paths: Mapping[str, Path], made_of: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Module path -> the scope to draw around it, for every module that is folded.

    `paths` gives each row's scopes, outermost first, in program order, and `made_of` what a row consists of. Two
    modules are of one make when they hold rows made of the same, nested alike, in the same order; names do not matter.

    Worked: `layers.0` to `layers.35`, all alike, give `layers.1` ... `layers.35` -> `layers.1–35`.
    """
    around: dict[str, str] = {}
    makes = _makes(paths, made_of)
    for siblings in _siblings(paths).values():
        for make, run in groupby(siblings, key=lambda thing: makes.get(thing, ())):
            alike = list(run)
            if make and len(alike) >= LEAST:
                around.update(dict.fromkeys(alike[1:], _name(alike[1], alike[-1])))
    return around


def is_fold(scope: str) -> bool:
    """Whether a drawn scope holds repeated modules and is no module itself."""
    return DASH in scope.rpartition(".")[2]


def _siblings(paths: Mapping[str, Path]) -> dict[str, list[str]]:
    """Outer scope -> what stands in it, in order; a row between two modules parts them."""
    inside: dict[str, dict[str, None]] = defaultdict(dict)
    for row, path in paths.items():
        for outer, scope in zip(("", *path), (*path, row)):
            inside[outer][scope] = None
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


def _name(first: str, last: str) -> str:
    return f"{first}{DASH}{last.rpartition('.')[2]}"
