"""`npz:FILE`: arrays x and y of one's own, as `numpy.savez(FILE, x=x, y=y)` writes them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from geta_engine.data.raw import RawData, stratified_split
from geta_engine.errors import InputError

SHAPES = "x as [N, C, H, W], [N, H, W] or [N, features] and y as [N] integers from 0 on"


def load_npz_data(file: Path) -> RawData:
    """Split 70/30 by class, always the same way. Images without a channel dimension get one.

    Raises:
        InputError: the file is no .npz, an array is missing or pickled, or shapes, dtypes or values do not fit.
    """
    x, y = _read_arrays(file)
    if x.ndim not in (2, 3, 4) or y.ndim != 1 or len(x) != len(y) or x.size == 0:
        raise InputError(f"{file} has x of shape {x.shape} and y of shape {y.shape}: give {SHAPES}")
    if x.dtype.kind not in "fiub" or y.dtype.kind not in "iu":
        raise InputError(f"{file} has x of type {x.dtype} and y of type {y.dtype}: give numbers, {SHAPES}")
    if y.min() < 0:
        raise InputError(f"{file} has a label {y.min()}: give classes from 0 on")
    if not np.isfinite(x).all():
        raise InputError(f"{file} has NaN or infinite values in x: remove those examples")
    x = x[:, None] if x.ndim == 3 else x
    return stratified_split(x, y.astype(np.int64), str(file))


def _read_arrays(file: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile) or not {"x", "y"} <= set(archive.files):
                raise InputError(
                    f"{file} has no arrays named x and y: write it with numpy.savez({file.name!r}, x=x, y=y)"
                )
            return archive["x"], archive["y"]
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} cannot be read as .npz without unpickling ({error}): give {SHAPES}") from None
