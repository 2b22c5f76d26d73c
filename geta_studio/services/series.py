"""What the store holds of a run, kept in memory and extended by what came after: several tabs ask the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from geta_engine.store import Store

KEPT_RUNS = 4
MOST_POINTS = 1000
MOST_COLUMNS = 240

Columns = dict[str, np.ndarray]


class Frames(NamedTuple):
    """Frames of one kind: steps [frames], values [frames, rows, columns] with a row a unit or a quantizer."""

    step: np.ndarray
    values: np.ndarray


NO_FRAMES = Frames(np.zeros(0, np.int64), np.zeros((0, 0, 0), np.float32))


class SeriesCache:
    """Scalars and frames of the runs looked at last; each read asks the store only for what is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._columns: OrderedDict[int, Columns] = OrderedDict()
        self._frames: OrderedDict[tuple[int, str], Frames] = OrderedDict()

    def columns(self, run_id: int, last_step: int) -> Columns:
        """Scalar columns of steps 1..last_step (those recorded)."""
        with self._lock:
            known = self._columns.pop(run_id, None)
            if known is None or (len(known["step"]) and known["step"][-1] > last_step):
                known = self._store.steps(run_id)
            else:
                after = int(known["step"][-1]) if len(known["step"]) else 0
                known = _joined(known, self._store.steps(run_id, after=after)) if after < last_step else known
            self._columns[run_id] = known
            _trim(self._columns, KEPT_RUNS)
            return known

    def frames(self, run_id: int, kind: str, last_step: int) -> Frames:
        """Frames of one kind at steps up to `last_step`."""
        with self._lock:
            known = self._frames.pop((run_id, kind), NO_FRAMES)
            if len(known.step) and known.step[-1] > last_step:
                known = NO_FRAMES
            after = int(known.step[-1]) if len(known.step) else -1
            new = self._store.frames(run_id, kind, after=after)
            if new:
                step = np.array([frame.step for frame in new], np.int64)
                values = np.stack([frame.values for frame in new])
                known = Frames(step, values) if not len(known.step) else _appended(known, step, values)
            self._frames[run_id, kind] = known
            _trim(self._frames, 2 * KEPT_RUNS)
            return known

    def forget(self, run_id: int) -> None:
        with self._lock:
            self._columns.pop(run_id, None)
            for key in [key for key in self._frames if key[0] == run_id]:
                del self._frames[key]


def _appended(known: Frames, step: np.ndarray, values: np.ndarray) -> Frames:
    return Frames(np.concatenate([known.step, step]), np.concatenate([known.values, values]))


def _joined(known: Columns, new: Columns) -> Columns:
    return {name: np.concatenate([values, new[name]]) for name, values in known.items()}


def _trim(cache: OrderedDict, most: int) -> None:
    while len(cache) > most:
        cache.popitem(last=False)


def thinned(step: np.ndarray, values: np.ndarray, points: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most about `points` points that keep the shape of a curve (MinMaxLTTB); with NaN, or short, all of it."""
    if len(step) <= points or np.isnan(values).any():
        return step, values
    from tsdownsample import MinMaxLTTBDownsampler

    chosen = MinMaxLTTBDownsampler().downsample(step, values, n_out=points)
    return step[chosen], values[chosen]


def sampled(count: int, most: int = MOST_COLUMNS) -> np.ndarray:
    """Indices of at most `most` of `count` things, evenly spread, the first and the last among them."""
    return np.arange(count) if count <= most else np.unique(np.linspace(0, count - 1, most).round().astype(int))


def within(step: np.ndarray, window: tuple[float, float] | None) -> np.ndarray:
    """Indices of the steps in the window and one neighbour on each side; all of them where there is no window."""
    if window is None:
        return np.arange(len(step))
    first, last = int(np.searchsorted(step, window[0], "left")), int(np.searchsorted(step, window[1], "right"))
    return np.arange(max(0, first - 1), min(len(step), last + 1))
