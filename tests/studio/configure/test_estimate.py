"""Costs worked out by hand on a model of two layers."""

from __future__ import annotations

from typing import Any

import pytest

from geta_studio.configure.estimate import Reach, estimate, reach


def test_reach_rounds_down_and_keeps_exact_products(analysis: dict[str, Any]) -> None:
    assert reach(analysis, 0.55) == Reach(5, 10, 9)
    assert reach({**analysis, "prunable_units": 100, "max_zero_units": 90}, 0.29) == Reach(29, 100, 90)


def test_relative_bops_at_both_bounds(analysis: dict[str, Any]) -> None:
    bounds = {"a.weight": (4, 8), "act.x": (4, 8), "b.weight": (2, 16)}
    dense = 1500 * 32 * 32
    low, high = estimate(analysis, bounds, 0.0).relative_bops
    assert low == pytest.approx((1000 * 4 * 4 + 500 * 2 * 32) / dense)
    assert high == pytest.approx((1000 * 8 * 8 + 500 * 16 * 32) / dense)


def test_pruning_counts_on_both_sides_of_a_group(analysis: dict[str, Any]) -> None:
    bounds = {"a.weight": (8, 8), "act.x": (8, 8), "b.weight": (8, 8)}
    whole, half = estimate(analysis, bounds, 0.0), estimate(analysis, bounds, 0.5)
    assert half.relative_bops[0] == pytest.approx(whole.relative_bops[0] / 2)


def test_the_usual_budget_has_weights_low_and_activations_high(analysis: dict[str, Any]) -> None:
    bounds = {"a.weight": (4, 8), "act.x": (3, 6), "b.weight": (2, 16)}
    usual = estimate(analysis, bounds, 0.0).usual_bops
    assert usual == pytest.approx((1000 * 4 * 6 + 500 * 2 * 32) / (1500 * 32 * 32))


def test_size_counts_parameters_without_a_layer_at_32_bits(analysis: dict[str, Any]) -> None:
    bounds = {"a.weight": (4, 8), "act.x": (4, 8), "b.weight": (4, 8)}
    values = estimate(analysis, bounds, 0.0)
    assert values.dense_size == 640
    assert values.size == (150 * 4 / 8 + 40, 150 * 8 / 8 + 40)
