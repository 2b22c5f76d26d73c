"""The cache over a real store, thinning, and the rate of a run."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from geta_engine.config import RunConfig
from geta_engine.documents.events import StepEvent
from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.store import Store
from geta_studio.run_dock.run_figures import curve, zoom_window, zoomed
from geta_studio.services.sampling import sampled, thinned, within
from geta_studio.services.series import SeriesCache, Snapshots
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


def test_a_tab_that_lags_behind_gets_what_is_there(store: Store) -> None:
    run = store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    cache = SeriesCache(store)
    store.append(run, steps(1, 5))
    cache.columns(run, 5)
    assert cache.columns(run, 2)["step"].tolist() == [1, 2, 3, 4, 5]


def test_what_was_given_stays_as_it_was_while_the_columns_grow(store: Store) -> None:
    run = store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    cache = SeriesCache(store)
    given = []
    for last in range(1, 201):
        store.append(run, steps(last, last))
        given.append(cache.columns(run, last)["loss"])
    for last, losses in enumerate(given, start=1):
        np.testing.assert_array_equal(losses, 1 / np.arange(1, last + 1))
    buffers = {losses.base.__array_interface__["data"] for losses in given if losses.base is not None}
    assert len(buffers) < 10


class SlowStore(Store):
    """A store whose reading of one run's steps waits until it may go on."""

    def __init__(self, url: str, slow_run: int) -> None:
        super().__init__(url)
        self._slow_run = slow_run
        self.reads: list[int] = []
        self.may_go_on = threading.Event()

    def steps(self, run_id: int, after: int = 0, limit: int | None = None) -> dict[str, np.ndarray]:
        self.reads.append(run_id)
        if run_id == self._slow_run:
            assert self.may_go_on.wait(30)
        return super().steps(run_id, after, limit)


def test_a_run_that_is_being_read_keeps_no_other_waiting_and_is_read_once(store: Store) -> None:
    first, second = (store.create_run(RunConfig(model="mlp"), "mlp", "mlp") for _ in range(2))
    for run in (first, second):
        store.append(run, steps(1, 3))
    slow = SlowStore(store.url, first)
    cache = SeriesCache(slow)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(cache.columns, first, 3) for _ in range(2)]
        try:
            assert threads.submit(cache.columns, second, 3).result(20)["step"].tolist() == [1, 2, 3]
        finally:
            slow.may_go_on.set()
        assert [future.result(20)["step"].tolist() for future in waiting] == [[1, 2, 3]] * 2
    assert sorted(slow.reads) == [first, second]


def units(step: int, count: int = 4) -> SnapshotEvent:
    return SnapshotEvent(step, "units", np.full((count, 2), step, np.float32))


def test_snapshots_are_stacked_and_extended_row_by_row(store: Store) -> None:
    run = store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    cache = SeriesCache(store)

    def read(last_step: int, choice: str = "odd") -> Snapshots:
        rows = {"odd": slice(1, None, 2), "all": slice(None)}[choice]
        return cache.snapshots(run, "units", last_step, choice, lambda count: np.arange(count)[rows])

    assert not len(read(0).step)
    store.append(run, [units(1)])
    assert read(1).values.shape == (1, 2, 2)
    store.append(run, [units(2)])
    snapshots = read(2)
    assert (snapshots.step.tolist(), snapshots.rows.tolist()) == ([1, 2], [1, 3])
    assert snapshots.values[:, 0, 0].tolist() == [1, 2] and snapshots.newest.shape == (4, 2)
    assert read(2, "all").values.shape == (2, 4, 2)
    store.truncate(run, 1)
    assert read(1).step.tolist() == [1]


def test_snapshots_of_a_large_model_are_never_in_memory_at_once(store: Store) -> None:
    run, count = store.create_run(RunConfig(model="mlp"), "mlp", "mlp"), 100_000
    for step in range(1, 41):
        store.append(run, [units(step, count)])
    tracemalloc.start()
    try:
        drawn = SeriesCache(store).snapshots(run, "units", 40, "few", lambda rows: np.arange(0, rows, 1000))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert drawn.values.shape == (40, 100, 2)
    assert most < 6 * drawn.newest.nbytes


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


def test_the_rate_is_steps_over_time_and_starts_afresh_when_a_run_goes_back() -> None:
    rate = StepRate()
    assert rate.at(0.0, 0) is None
    assert rate.at(2.0, 10) == 5.0
    assert rate.at(3.0, 10) == 5.0
    assert rate.at(4.0, 3) is None
