"""The bars of what each width would lose, and the sentence under them."""

from __future__ import annotations

from typing import Any

import numpy as np

from geta_studio.inspector.bit_losses import bit_losses
from geta_studio.inspector.parts import Subject


def text(part: Any) -> str:
    """All text of a component, in order."""
    if isinstance(part, str):
        return part
    children = part if isinstance(part, (list, tuple)) else getattr(part, "children", None)
    return " ".join(map(text, children)) if isinstance(children, (list, tuple)) else text(children) if children else ""


def test_the_chosen_width_is_marked_and_explained() -> None:
    (section,) = bit_losses({2: 0.1, 3: 0.02, 4: 0.005, 5: 0.001}, 4)
    said = text(section)
    assert "4 bits: one less would lose 0.015 nats more, one more would save 0.004." in said
    rows = [row for row in section.children if "loss-row" in str(getattr(row, "className", ""))]
    assert [row.className for row in rows] == ["loss-row", "loss-row", "loss-row chosen", "loss-row"]
    widths = [float(row.children[1].style["width"].rstrip("%")) for row in rows]
    assert widths == sorted(widths, reverse=True) and widths[0] == 100 and widths[-1] > 0


def test_bounds_that_leave_one_width_say_so_and_a_loss_of_nothing_is_drawn() -> None:
    (section,) = bit_losses({8: 0.0}, 8)
    assert "the bounds leave no other width" in text(section)


def test_nothing_is_said_before_bits_are_chosen(analysis) -> None:
    assert bit_losses({}, 4) == [] and bit_losses({2: 0.1, 3: 0.05}, 16) == []
    losses = np.full((3, 17), np.nan, np.float32)
    losses[1, 4:6] = 0.5, 0.25
    assert Subject(analysis).losses_of("act.x") == {}
    subject = Subject(analysis, losses=losses)
    assert subject.losses_of("act.x") == {4: 0.5, 5: 0.25} and subject.losses_of("a.weight") == {}
    assert Subject(analysis, losses=losses[:2]).losses_of("act.x") == {}
