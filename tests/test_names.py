"""The names that misled readers are gone, from code and tests and from the documentation."""

from __future__ import annotations

from pathlib import Path

from tools.old_names import GONE, ROOT, uses, words


def test_no_name_that_misleads_is_left() -> None:
    misleading = [f"{use.path.relative_to(ROOT)}:{use.line}: {use.name}" for use in uses(GONE)]
    assert not misleading, misleading


def test_the_documentation_uses_none_of_the_words() -> None:
    assert [f"{use.path.name}:{use.line}: {use.name}" for use in words()] == []


def test_every_kind_of_name_is_seen(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "twin.py").write_text(
        "class Team:\n    def meet(self, room, *, own=1):\n        self.told = room\n        found = own\n"
    )
    seen = [(use.name, use.line) for use in uses(GONE, tmp_path)]
    assert sorted(seen) == [("Team", 1), ("found", 4), ("meet", 2), ("own", 2), ("room", 2), ("told", 3), ("twin", 1)]
