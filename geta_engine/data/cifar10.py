"""`cifar10`: the standard python batches. They are pickles, so they are read by an unpickler that can build nothing
but numpy arrays and plain containers."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from geta_engine.data.arrays import RawData
from geta_engine.data.sources import CIFAR10_FILES, cifar10_folder
from geta_engine.errors import InputError

PIXELS = 3 * 32 * 32
MAX_FILE_BYTES = 256 * 2**20
"""A published batch has 31 MB."""
_BROKEN = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a damaged pickle makes the unpickler raise."""


def load_cifar10_data(folder: Path) -> RawData:
    """Five train batches and the test batch as [N, 3, 32, 32] uint8 images and classes 0 to 9.

    Raises:
        InputError: a batch is missing, holds anything but arrays and plain containers, or has other shapes.
    """
    inner = cifar10_folder(folder)
    *train, test = (_load_batch(inner / name) for name in CIFAR10_FILES)
    x_train, y_train = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return RawData({"x": x_train}, y_train, {"x": test[0]}, test[1], num_classes=10)


def read_batch(path: Path) -> dict[Any, Any]:
    """The dictionary in one batch file; nothing the file says is called or imported.

    Raises:
        InputError: the file is no pickle of a dictionary of arrays and plain containers.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path} has {path.stat().st_size} bytes: a CIFAR-10 batch has at most {MAX_FILE_BYTES}")
        content = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except _BROKEN as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}): give the standard python batches") from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a {type(content).__name__}: a CIFAR-10 batch is a dictionary with data and labels"
        )
    return content


def _load_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    batch = read_batch(path)
    data, labels = batch.get(b"data"), batch.get(b"labels")
    if not (isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 2 and data.shape[1] == PIXELS):
        raise InputError(f"{path} has no uint8 array 'data' of shape [N, {PIXELS}]: give the standard python batches")
    if not (isinstance(labels, list) and len(labels) == len(data) and all(_is_class(label) for label in labels)):
        raise InputError(
            f"{path} has no list 'labels' of {len(data)} integers from 0 to 9: give the standard python batches"
        )
    return data.reshape(-1, 3, 32, 32), np.asarray(labels, dtype=np.int64)


def _is_class(label: object) -> bool:
    return isinstance(label, int) and not isinstance(label, bool) and 0 <= label < 10


def _to_bytes(text: str, encoding: str) -> bytes:
    """What Python 3 writes for bytes under protocol 2: `_codecs.encode(text, "latin1")`, and no other codec."""
    if encoding != "latin1":
        raise InputError(f"a batch asks for the codec {encoding!r}: only what numpy writes is read")
    return text.encode("latin1")


_RECONSTRUCT = np.empty(0).__reduce__()[0]
"""What numpy writes into a pickle to make an empty array that is filled afterwards."""
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _to_bytes,
}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that finds the parts of a numpy array and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InputError(
                f"a batch asks for {module}.{name}, which could run code, and was not opened further: "
                "give the standard python batches"
            )
        return _ALLOWED[module, name]
