"""`fashion-mnist` and `mnist`: the IDX files in which LeCun published MNIST, gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from geta_engine.data.arrays import RawData
from geta_engine.data.sources import idx_file
from geta_engine.errors import InputError

UNSIGNED_BYTE = 0x08
MAX_BYTES = 2**31
"""Largest body that is read; a gzip file says nothing trustworthy about its size, the IDX header does."""


def load_idx_data(folder: Path, num_classes: int = 10) -> RawData:
    """The train and t10k files of `folder` as [N, 1, H, W] uint8 images and classes.

    Raises:
        InputError: a file is missing, is not IDX, or the images and labels do not fit each other.
    """
    x_train, y_train = _load_part(folder, "train", num_classes)
    x_test, y_test = _load_part(folder, "t10k", num_classes)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise InputError(f"the train and t10k images in {folder} differ in size: give the files of one data set")
    return RawData({"x": x_train}, y_train, {"x": x_test}, y_test, num_classes)


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """One IDX file of unsigned bytes with `ndim` dimensions.

    The header is two zero bytes, the type (0x08), the number of dimensions and each size as a big-endian 32-bit
    integer; the body must have exactly as many bytes as the sizes multiply to.

    Raises:
        InputError: anything else is found.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as stream:
            return _read_stream(stream, path, ndim)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}): give the IDX files as they were published") from None


def _read_stream(stream: IO[bytes], path: Path, ndim: int) -> np.ndarray:
    wanted = f"give an IDX file of unsigned bytes with {ndim} dimension{'s' * (ndim > 1)}"
    header = stream.read(4 + 4 * ndim)
    if len(header) < 4 + 4 * ndim or header[:4] != bytes([0, 0, UNSIGNED_BYTE, ndim]):
        raise InputError(f"{path} starts with {header[:4].hex(' ')!r}: {wanted}")
    shape = struct.unpack(f">{ndim}I", header[4:])
    size = math.prod(shape)
    if not 0 < size <= MAX_BYTES:
        raise InputError(
            f"{path} says that it holds {size} bytes (shape {shape}): {wanted}, from 1 to {MAX_BYTES} bytes"
        )
    body = stream.read(size + 1)
    if len(body) != size:
        amount = "more" if len(body) > size else f"only {len(body)}"
        raise InputError(f"{path} says that it holds {size} bytes and has {amount}: fetch the file again")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _load_part(folder: Path, part: str, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    images = _read_named(folder, f"{part}-images-idx3-ubyte", ndim=3)
    labels = _read_named(folder, f"{part}-labels-idx1-ubyte", ndim=1)
    if len(images) != len(labels):
        raise InputError(
            f"{folder} has {len(images)} {part} images and {len(labels)} labels: give files that belong together"
        )
    if labels.max() >= num_classes:
        raise InputError(f"{folder} has a {part} label {labels.max()}: labels must be 0 to {num_classes - 1}")
    return images[:, None], labels.astype(np.int64)


def _read_named(folder: Path, name: str, ndim: int) -> np.ndarray:
    path = idx_file(folder, name)
    if path is None:
        raise InputError(f"{folder} has no {name} and no {name}.gz: give the directory with the four IDX files")
    return read_idx(path, ndim)
