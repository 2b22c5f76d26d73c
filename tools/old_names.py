"""Print where names of ours that a practitioner would not search for are still used: `python -m tools.old_names`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FOLDERS = ("geta_engine", "geta_studio", "tests", "benchmarks", "tools")

_GONE = """
Obedience Team Lessons Rows Entries Base Position Pick Share Box Sub Row Columns Pace Change FrameEvent MarkEvent
Redundant HiddenTokens NumbersOfTeacher ScoresOfTeacher
found known own room told twin prove disband complain made_by siblings take_requests leave_a_core keep_memory
is_worked_on assist _obey _follow _gone _written base_of settle agree meet go_on leads forget news drafts drafting
zipcheck compacted after_step due
"""
GONE = frozenset(_GONE.split())
"""Names that are nowhere any more: the shortest and the most misleading ones."""

_AMBIGUOUS = """
rest wrap gather follow hold place produce free fit raw measures choose beside other screens navigation say tell
tail mount house Stage Shown work frames changed cut frozen modes kernels placing shown written left
"""
AMBIGUOUS = frozenset(_AMBIGUOUS.split())
"""Names that say too little in some places and are right in others, as the left side of a box is `left`."""

WORDS = re.compile(
    r"\b(obedience|obeys?|twins?|lessons?|disband|the promise|leave_a_core|keep_memory)\b", re.IGNORECASE
)
"""Words of prose that stand for one of these names."""


class Use(NamedTuple):
    name: str
    path: Path
    line: int


def identifiers(path: Path) -> Iterator[Use]:
    """The names that a Python file gives to something: itself, variables, arguments, functions, classes, attributes."""
    yield Use(path.stem, path, 1)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.MatchAs(name=str(name)):
                yield Use(name, path, node.lineno)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield Use(name, path, node.lineno)
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield Use(name, path, node.lineno)


def uses(names: frozenset[str], root: Path = ROOT) -> list[Use]:
    """Where the Python files below `root` give one of the names to something, with an underscore or without; sorted by
    file and line."""
    files = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return [
        use
        for path in files
        for use in sorted(identifiers(path), key=lambda use: use.line)
        if use.name.lstrip("_") in names or use.name in names
    ]


def words(root: Path = ROOT) -> list[Use]:
    """Where the pages of the documentation use one of the words."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [
        Use(word.group(), page, number)
        for page in pages
        if page.is_file()
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        for word in WORDS.finditer(line)
    ]


def main() -> None:
    for use in [*uses(GONE | AMBIGUOUS), *words()]:
        print(f"{use.path.relative_to(ROOT)}:{use.line}: {use.name}")


if __name__ == "__main__":
    main()
