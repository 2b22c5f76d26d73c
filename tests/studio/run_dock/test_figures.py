"""Figures as data: levels of the heatmap, lines, bands, and what a selection picks out."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from geta_engine.config import Schedule
from geta_studio.run_dock.figures import Axis, bits_figure, cost_figure, loss_figure, norm_levels, norms_figure
from geta_studio.run_dock.run_figures import (
    MOST_ROWS,
    bit_lines,
    chosen_quantizer,
    cost_now,
    drawn_rows,
    loss_now,
    members,
    norm_map,
    norms_choices,
    unit_groups,
    unit_names,
    zeros_now,
)
from geta_studio.services.series import Snapshots

SCHEDULE = Schedule(warmup=60, projection=100, projection_periods=5, joint=100, joint_periods=5, cooldown=140)
AXIS = Axis(SCHEDULE.stages(), 400, "light", "run-1")


def unpack(spec: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(spec["bdata"]), f"<{spec['dtype']}")


def test_levels_of_kept_redundant_and_zero_units() -> None:
    norms = np.array([[0.5], [0.5], [0.0], [9.0]], np.float32)
    states = np.array([[0], [1], [2], [0]])
    assert norm_levels(norms, states, np.ones((4, 1), np.float32)).ravel().tolist() == [191, 64, 0, 255]


def snapshots_of(units: list[list[tuple[float, int]]], rows: np.ndarray) -> Snapshots:
    """[snapshot][unit] (norm, state) pairs -> some rows of snapshots at steps 10, 20, ..."""
    values = np.array(units, np.float32)
    return Snapshots(np.arange(1, len(units) + 1) * 10, rows, values[:, rows], values[-1])


def test_rows_are_sorted_within_their_group_and_zero_units_end_it() -> None:
    groups = np.array([1, 1, 2, 2])
    units = [[(1, 0)] * 4, [(0.0, 2), (2.0, 0), (1.0, 0), (3.0, 0)]]
    names = {group: norm_map(snapshots_of(units, drawn_rows(groups, group)), groups).names for group in ("all", "2")}
    assert names["all"] == ["g1 unit 1", "g1 unit 0", "g2 unit 1", "g2 unit 0"]
    assert names["2"] == ["g2 unit 1", "g2 unit 0"]
    newest = np.array(units[-1])
    assert zeros_now(newest[members(groups, "1"), 1]) == "1 zero of 2"


def test_rows_that_are_drawn_are_few_and_spread_over_all_groups() -> None:
    groups = np.repeat([1, 2, 3], [300_000, 100_000, 50_000])
    rows = drawn_rows(groups, "all")
    assert len(rows) == MOST_ROWS and (rows[0], rows[-1]) == (0, len(groups) - 1)
    shares = [np.mean(groups[rows] == group) for group in (1, 2, 3)]
    np.testing.assert_allclose(shares, [6 / 9, 2 / 9, 1 / 9], atol=0.01)
    assert set(groups[drawn_rows(groups, "3")]) == {3}


def test_zero_units_are_level_zero_in_the_picture(analysis: dict[str, Any]) -> None:
    groups = unit_groups(analysis, 10)
    states = [(1.0, 0)] * 9 + [(0.0, 2)]
    picture = norm_map(snapshots_of([[(1.0, 0)] * 10, states], drawn_rows(groups, "all")), groups)
    figure = norms_figure(AXIS, picture)
    levels = unpack(figure["data"][0]["z"]).reshape(10, 2)
    assert (levels[:, 0] > 128).all()
    assert levels[-1].tolist() == [191, 0]
    assert picture.names[-1] == "g1 unit 9"


def test_units_of_an_unknown_analysis_are_numbered(analysis: dict[str, Any]) -> None:
    assert unit_names(unit_groups(analysis, 3), np.array([0, 2])) == ["unit 0", "unit 2"]


def test_bit_lines_take_the_first_column(analysis: dict[str, Any]) -> None:
    values = np.array([[[8, 0.1, 1, 1], [6, 0.1, 1, 1], [4, 0.1, 1, 1]]], np.float32)
    lines = bit_lines(Snapshots(np.array([10]), np.arange(3), values, values[0]), analysis)
    assert lines.bits.tolist() == [[8, 6, 4]]
    assert lines.names == ["a W", "a A", "b W"]
    figure = bits_figure(AXIS, lines, (4, 8), chosen=1)
    assert [len(unpack(trace["y"])) for trace in figure["data"]] == [4, 2, 1]
    assert [trace["name"] for trace in figure["data"]] == ["weights", "activations", "a A"]


def test_stage_bands_lie_behind_every_figure() -> None:
    empty = np.zeros(0), np.zeros(0)
    figure = cost_figure(AXIS, empty, empty)
    assert [(shape["x0"], shape["x1"]) for shape in figure["layout"]["shapes"]] == [
        (0, 60),
        (60, 160),
        (160, 260),
        (260, 400),
    ]
    assert figure["layout"]["uirevision"] == "run-1"


def test_the_budget_is_a_line_over_the_whole_run() -> None:
    curve = np.array([0, 1]), np.array([0.2, 0.1])
    line = cost_figure(AXIS, curve, curve, 0.05)["data"][-1]
    assert line["name"] == "budget" and line["line"]["dash"] == "dot"
    assert len(cost_figure(AXIS, curve, curve)["data"]) == 2


def test_the_axis_of_the_metric_goes_below_zero_with_the_data() -> None:
    step = np.array([1, 2])

    def right(name: str, *values: float) -> dict[str, Any]:
        figure = loss_figure(AXIS, (step, step / 2), (step, np.array(values)), name)
        return {**figure["layout"]["yaxis2"], "hover": figure["data"][1]["hovertemplate"]}

    for name in ("accuracy", "agreement", "token accuracy"):
        axis = right(name, 0.2, 0.9)
        assert axis["range"] == [0, 1.02] and axis["tickformat"] == ".0%" and "%{y:.1%}" in axis["hover"]
    axis = right("R2", 0.2, 0.9)
    assert axis["range"] == [0, 1.02] and "tickformat" not in axis and "R2 %{y:.3f}" in axis["hover"]
    low, high = right("R2", -4.0, 0.9, -np.inf)["range"]
    assert low < -4 and low > -5 and 1 < high < 1.2
    assert right("R2")["range"] == [0, 1.02]


def test_selection_chooses_quantizer_and_group(analysis: dict[str, Any]) -> None:
    assert chosen_quantizer(analysis, {"kind": "quantizer", "id": "act.x"}) == 1
    assert chosen_quantizer(analysis, {"kind": "node", "id": "nb"}) == 2
    assert chosen_quantizer(analysis, {"kind": "group", "id": 1}) is None
    assert chosen_quantizer(analysis, None) is None
    choices, value = norms_choices(analysis, {"kind": "group", "id": 1}, "all")
    assert ([choice["value"] for choice in choices], value) == (["all", "1"], "1")
    assert norms_choices(analysis, {"kind": "node", "id": "nb"}, "1")[1] == "1"
    assert norms_choices(None, None, "7")[1] == "all"


def test_numbers_now() -> None:
    columns = {
        "step": np.array([1, 2]),
        "loss": np.array([1.0, 0.0812]),
        "metric": np.array([0.974, np.nan]),
        "relative_bops": np.array([0.2, 0.0612]),
        "sparsity": np.array([0, 0.34]),
    }
    assert loss_now(columns, "accuracy") == "0.0812 · 97.4 %"
    assert loss_now({**columns, "metric": np.array([-0.5, np.nan])}, "R2") == "0.0812 · -0.500"
    assert cost_now(columns) == "6.12 % · 34.0 %"
