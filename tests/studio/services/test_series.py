"""The cache over a real store, thinning, and the pace of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geta_engine.config import RunConfig
from geta_engine.store import SnapshotEvent, StepEvent, Store
from geta_studio.run_dock.run_figures import curve, zoom_window, zoomed
from geta_studio.services.series import SeriesCache, sampled, thinned, within
from geta_studio.services.step_rate import StepRate


def steps(first: int, last: int) -> list[StepEvent]:
    return [StepEvent(step, 1 / step, None, 0.1, 0.0, 0.2) for step in range(first, last + 1)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path}/geta.db")


def test_columns_grow_by_what_is_new(store: Store) -> None:
    run = store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    cache = SeriesCache(store)
    store.append(run, steps(1, 3))
    assert cache.columns(run, 3)["step"].tolist() == [1, 2, 3]
    store.append(run, steps(4, 5))
    assert cache.columns(run, 5)["loss"].tolist() == [1 / step for step in range(1, 6)]


def test_a_run_that_went_back_is_read_again(store: Store) -> None:
    run = store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    cache = SeriesCache(store)
    store.append(run, steps(1, 5))
    cache.columns(run, 5)
    store.truncate(run, 2)
    assert cache.columns(run, 2)["step"].tolist() == [1, 2]


def test_frames_are_stacked_and_extended(store: Store) -> None:
    run = store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    cache = SeriesCache(store)
    store.append(run, [SnapshotEvent(1, "units", np.zeros((4, 2), np.float32))])
    assert cache.frames(run, "units", 10).values.shape == (1, 4, 2)
    store.append(run, [SnapshotEvent(2, "units", np.ones((4, 2), np.float32))])
    frames = cache.frames(run, "units", 10)
    assert frames.step.tolist() == [1, 2]
    assert frames.values[1].min() == 1


def test_thinning_keeps_ends_and_spikes() -> None:
    step = np.arange(10_000)
    values = np.zeros(10_000)
    values[4321] = 9.0
    few, thin = thinned(step, values, 500)
    assert len(few) <= 500
    assert (few[0], few[-1], thin.max()) == (0, 9999, 9.0)


def test_a_zoom_is_written_into_the_figure() -> None:
    figure = {"layout": {"xaxis": {"range": [0, 84]}, "yaxis": {}}}
    zoom = {"xaxis.range[0]": 1.5, "xaxis.range[1]": 7, "yaxis2.range[0]": 0, "yaxis2.range[1]": 1}
    assert zoomed(figure, zoom)["layout"] == {"xaxis": {"range": [1.5, 7], "autorange": False}, "yaxis": {}}
    assert zoomed({"layout": {"xaxis": {"range": [0, 84]}}}, {"autosize": True})["layout"]["xaxis"] == {
        "range": [0, 84]
    }


def test_a_zoomed_window_has_full_detail() -> None:
    step, values = np.arange(10_000), np.sin(np.arange(10_000) / 50)
    x, _ = curve(step, values, (200, 400))
    assert set(range(200, 401)) <= set(x.tolist())
    assert len(x) < 1500
    assert (np.diff(x) > 0).all()


def test_windows() -> None:
    assert within(np.arange(10), (3, 5)).tolist() == [2, 3, 4, 5, 6]
    assert zoom_window({"xaxis.range[0]": 1, "xaxis.range[1]": 7.5}) == (1.0, 7.5)
    assert zoom_window({"autosize": True}) is None
    assert zoom_window(None) is None


def test_sampled_has_both_ends() -> None:
    chosen = sampled(1000, 10)
    assert (chosen[0], chosen[-1], len(chosen)) == (0, 999, 10)


def test_pace_is_steps_over_time_and_starts_afresh_when_a_run_goes_back() -> None:
    pace = StepRate()
    assert pace.at(0.0, 0) is None
    assert pace.at(2.0, 10) == 5.0
    assert pace.at(3.0, 10) == 5.0
    assert pace.at(4.0, 3) is None
