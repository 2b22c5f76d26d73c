from __future__ import annotations

import json
import re
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from geta_studio.graph.legend import palette_variables
from geta_studio.server.assets import assets_folder
from geta_studio.shell.palette import RAMP, SLOT_NAMES, THEMES, contrast, group_slots, mix, shades

NORMAL = np.eye(3)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TRITANOPIA = np.array(
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
)
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson 2020."""
    to_lms = [
        [0.41222147, 0.53633254, 0.05144599],
        [0.2119035, 0.6806995, 0.10739696],
        [0.08830246, 0.28171884, 0.6299787],
    ]
    to_lab = [
        [0.21045426, 0.79361779, -0.00407205],
        [1.9779985, -2.42859221, 0.45059371],
        [0.0259040, 0.78277177, -0.80867577],
    ]
    return np.array(to_lab) @ np.cbrt(np.array(to_lms) @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "sight", [NORMAL, PROTANOPIA, DEUTERANOPIA, TRITANOPIA], ids=["all", "protan", "deutan", "tritan"]
)
def test_any_two_groups_can_be_told_apart(scheme: Any, sight: np.ndarray) -> None:
    """A difference of 0.02 in OKLab is just noticeable on large patches side by side. Borders are a few px wide and
    apart from each other, so three times that is asked of any two; the group's number stands on the row as well."""
    for one, other in combinations(THEMES[scheme].slots, 2):
        distance = np.linalg.norm(oklab(sight @ linear(one)) - oklab(sight @ linear(other)))
        assert distance > 0.06, (one, other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_have_wcag_contrast(scheme: Any) -> None:
    theme = THEMES[scheme]
    for shade in shades(scheme):
        assert contrast(shade.text, shade.tint) >= 4.5
        assert contrast(theme.ink, shade.tint) >= 4.5
        assert contrast(theme.muted, shade.tint) >= 4.5
    assert contrast(theme.muted, theme.grey) >= 4.5
    assert contrast(theme.ink, theme.surface) >= 7


def test_the_scale_grows_in_lightness() -> None:
    lightness = [oklab(linear(colour))[0] for colour in RAMP]
    assert all(b > a for a, b in pairwise(lightness))


@pytest.mark.parametrize("model", ["resnet20", "resnet56", "vit_tiny", "mobile_tiny", "dense_tiny", "vgg7"])
def test_groups_that_meet_have_different_colours(report: Any, model: str) -> None:
    analysis = report(model)
    slots = group_slots(analysis)
    group = {node["id"]: node["group"] for node in analysis["graph"]["nodes"]}
    pairs = [(group[e["source"]], group[e["target"]]) for e in analysis["graph"]["edges"]]
    pairs += [(node["in_group"], node["group"]) for node in analysis["graph"]["nodes"]]
    for one, other in pairs:
        assert one is None or other is None or one == other or slots[one] != slots[other]
    assert set(slots) == {g["id"] for g in analysis["groups"]}


def test_resnet20_uses_every_colour(report: Any) -> None:
    assert len(set(group_slots(report("resnet20")).values())) == len(SLOT_NAMES)


def test_the_stylesheet_of_the_page_has_the_same_palette() -> None:
    css = assets_folder() / "css" / "graph.css"
    assert palette_variables() in css.read_text(encoding="utf-8")


def test_the_overlays_of_the_page_have_the_same_scale() -> None:
    script = assets_folder() / "js" / "graph" / "overlay_values.js"
    (ramp,) = re.findall(r"const RAMP = (\[.*\]);", script.read_text(encoding="utf-8"))
    assert json.loads(ramp) == list(RAMP)


def test_mix_and_contrast() -> None:
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
