"""How large a row is, from what is written on it. Lengths are px."""

from __future__ import annotations

from geta_engine.documents.layout import VisibleNode
from geta_engine.drawing.layers import Size

ROW_HEIGHT = 42.0
MIN_WIDTH, MAX_WIDTH = 178.0, 260.0
NARROW, WIDE = frozenset("fijlrt.,:;|'!()[]_ "), frozenset("mwMW+")
NAME_CHARS, DETAIL_CHAR = (6.0, 9.0, 12.5), 6.9
"""Widths of a narrow, another and a wide character of a row's bold first line, and of any character of its second."""
SIGN = 21.0
"""Width that the drawing keeps for the sign before the name of a closed scope."""


def row_size(row: VisibleNode) -> Size:
    """Width and height of a row or a closed scope; longer text is cut by the drawing."""
    badge_width = _name_width(row["badge"]) + 50 if row["badge"] else 0
    first_line = _name_width(row["label"]) + badge_width + SIGN * (row["kind"] == "scope")
    second_line = len(row["detail"]) * DETAIL_CHAR + 32
    return min(max(first_line + 30, second_line + 22, MIN_WIDTH), MAX_WIDTH), ROW_HEIGHT


def _name_width(text: str) -> float:
    return sum(NAME_CHARS[1 - (char in NARROW) + (char in WIDE)] for char in text)
