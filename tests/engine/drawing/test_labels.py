"""What is written on rows and scopes."""

from __future__ import annotations

from geta_engine.drawing.labels import relative, short_count


def test_names_inside_a_module() -> None:
    assert relative("layer1.0.shortcut", "layer1.0") == "shortcut"
    assert relative("layer1.0", "layer1") == "layer1.0"
    assert relative("layer10", "layer1") == "layer10"


def test_short_counts() -> None:
    assert [short_count(n) for n in (950, 14000, 1.25e6, 8e9)] == ["950", "14.0 k", "1.2 M", "8.0 G"]
