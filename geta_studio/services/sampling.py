"""Fewer points of a curve, and fewer of many things, so that a figure is quick to send and to draw."""

from __future__ import annotations

import numpy as np

MOST_POINTS = 1000
MOST_COLUMNS = 240


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
