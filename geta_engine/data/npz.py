"""`npz:FILE`: arrays of one's own, as `numpy.savez(FILE, x=x, y=y)` writes them."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from geta_engine.config import Task
from geta_engine.data.arrays import RawData, split
from geta_engine.errors import InputError

ARRAYS = "x (or arrays named as the model's inputs) with one example a row, and y as [N] classes or [N, k] numbers"
_BROKEN = (
    *(OSError, ValueError, EOFError, MemoryError, SyntaxError, tokenize.TokenError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError),
)
"""What numpy and zipfile raise for damaged files; RuntimeError also for encrypted ones and unknown compressions."""


def load_npz_data(file: Path, task: Task, most_bytes: int) -> RawData:
    """Split 70/30, by class where `task` is to learn classes; always the same way.

    Raises:
        InputError: the file is no .npz of at most `most_bytes`, an array is pickled, or shapes, dtypes or values do
            not fit each other.
    """
    x = _read_arrays(file, most_bytes)
    y = x.pop("y", None)
    if not x:
        raise InputError(f"{file} has no arrays but {'y' if y is not None else 'none'}: give {ARRAYS}")
    _require_rows(file, x if y is None else {**x, "y": y})
    by_class = task in ("auto", "classification") and y is not None and y.dtype.kind in "iub"
    if y is not None:
        _require_targets(file, y, by_class)
    return split(x, y.astype(np.int64) if by_class and y is not None else y, str(file), by_class)


def _require_rows(file: Path, arrays: dict[str, np.ndarray]) -> None:
    rows = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(rows) > 1 or 0 in rows or not all(array.size for array in arrays.values()):
        shown = " and ".join(f"{name} of shape {array.shape}" for name, array in arrays.items())
        raise InputError(f"{file} has {shown}: give as many rows of each, at least one, and no size of 0")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise InputError(f"{file} has {name} of type {array.dtype}: give numbers, {ARRAYS}")
        if not np.isfinite(array).all():
            raise InputError(f"{file} has NaN or infinite values in {name}: remove those examples")


def _require_targets(file: Path, y: np.ndarray, by_class: bool) -> None:
    if by_class and y.ndim != 1:
        raise InputError(
            f"{file} has y of type {y.dtype} and shape {y.shape}: give classes as [N], or numbers to predict as floats"
        )
    if y.ndim > 2:
        raise InputError(f"{file} has y of shape {y.shape}: give classes as [N] or numbers as [N] or [N, k]")
    if by_class and y.min() < 0:
        raise InputError(f"{file} has a label {y.min()}: give classes from 0 on")


def _read_arrays(file: Path, most_bytes: int) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{file} holds one array without a name: write it with numpy.savez(FILE, x=x, y=y)")
            assert archive.zip is not None
            _require_room(file, archive.zip, most_bytes)
            arrays = {name: archive[name] for name in archive.files}
    except _BROKEN as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{file} cannot be read as .npz without unpickling ({reason}): give {ARRAYS}") from None
    strange = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if strange:
        raise InputError(f"{file} holds {strange[0]!r}, which is no array: write it with numpy.savez(FILE, x=x, y=y)")
    return arrays


def _require_room(file: Path, archive: zipfile.ZipFile, most_bytes: int) -> None:
    """Raises InputError, before anything is unpacked, where it would take more than `most_bytes`."""
    size = sum(member.file_size for member in archive.infolist())
    if size > most_bytes:
        raise InputError(
            f"{file} takes {size / 2**20:,.1f} MiB unpacked, and at most {most_bytes / 2**20:,.1f} MiB are held: give "
            "fewer examples or smaller ones"
        )
