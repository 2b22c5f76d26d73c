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
    """Input arrays by name, each [N, ...] of any real dtype, and targets: classes [N] from 0 on, numbers [N] or
    [N, k], or None. What is named x is the model's first input: [N, C, H, W] images or [N, F] feature vectors, say.
    """

    x_train: dict[str, np.ndarray]
    y_train: np.ndarray | None
    x_test: dict[str, np.ndarray]
    y_test: np.ndarray | None
    num_classes: int | None


def split(x: dict[str, np.ndarray], y: np.ndarray | None, name: str, by_class: bool) -> RawData:
    """70 % to train on, 30 % to test on; always the same split, with `by_class` each class in its share in both.

    Raises:
        InputError: there are too few examples, or a class is too rare to be in both parts.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(next(iter(x.values()))))
    try:
        train, test = train_test_split(
            rows, test_size=TEST_SHARE, stratify=y if by_class else None, random_state=SPLIT_SEED
        )
    except ValueError as error:
        wanted = "give more examples of each class" if by_class else "give more examples"
        raise InputError(f"{name} cannot be split 70/30{' by class' * by_class} ({error}): {wanted}") from None
    return RawData(
        {key: array[train] for key, array in x.items()},
        None if y is None else y[train],
        {key: array[test] for key, array in x.items()},
        None if y is None else y[test],
        int(y.max()) + 1 if by_class and y is not None else None,
    )
