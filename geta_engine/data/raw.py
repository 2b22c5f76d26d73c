"""What a loader hands over: plain numpy arrays, before they are fitted to a model. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geta_engine.errors import InputError

TEST_SHARE = 0.3
SPLIT_SEED = 0
"""The split of a data set that comes without one is the same for every run: only the run's seed may vary."""


@dataclass(frozen=True)
class RawData:
    """Examples `x` as [N, C, H, W] images or [N, F] feature vectors (any real dtype), classes `y` [N] from 0 on."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    num_classes: int


def stratified_split(x: np.ndarray, y: np.ndarray, name: str) -> RawData:
    """70 % to train on, 30 % to test on, with each class in the same share in both; always the same split.

    Raises:
        InputError: a class is too rare to be in both parts.
    """
    from sklearn.model_selection import train_test_split

    try:
        x_train, x_test, y_train, y_test = train_test_split(
            x, y, test_size=TEST_SHARE, stratify=y, random_state=SPLIT_SEED
        )
    except ValueError as error:
        raise InputError(f"{name} cannot be split 70/30 by class ({error}): give more examples of each class") from None
    return RawData(x_train, y_train, x_test, y_test, int(y.max()) + 1)
