"""`digits`: 1,797 real handwritten digits of 8 x 8 pixels (UCI optical digits), shipped inside scikit-learn."""

from __future__ import annotations

import numpy as np

from geta_engine.data.arrays import RawData, split


def load_digits_data() -> RawData:
    """1,257 images to train on and 540 to test on, [N, 1, 8, 8] with values 0 to 16, ten classes."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images[:, None].astype(np.float32)
    return split({"x": images}, bunch.target.astype(np.int64), "digits", by_class=True)
