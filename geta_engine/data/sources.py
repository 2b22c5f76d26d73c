"""DATA: the text that names a data set -> a kind and a place, checked before anything is read. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from geta_engine.errors import InputError

FASHION_MNIST_DIR = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the IDX files."""
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CIFAR10_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
CIFAR10_FOLDER = "cifar-10-batches-py"
"""The folder inside the published archive; DIR may be it or hold it."""
USAGE = "digits, fashion-mnist[:DIR], mnist:DIR, cifar10:DIR, npz:FILE, distill and distill:DATA"
"""What is supported now, for messages."""
DISTILL = "distill"
RANDOM = "random"
"""The kind of what bare `distill` trains on: made, not read."""


@dataclass(frozen=True)
class Source:
    """A parsed DATA text: `kind` is RANDOM or a key of the table below; `path` is None for data that is not a file of
    the user's; `distill` says that the dense model is the teacher, whatever targets the data has."""

    kind: str
    path: Path | None = None
    distill: bool = False


def parse(data: str) -> Source:
    """`"mnist:/data/mnist"` -> Source("mnist", Path("/data/mnist")); nothing on disk is looked at.

    Raises:
        InputError: the kind is unknown, or a path is missing or was given where none belongs.
    """
    kind, colon, location = data.partition(":")
    if kind == DISTILL:
        return _parse_distill(data, location) if colon else Source(RANDOM, distill=True)
    if kind not in _CHECKS:
        close = get_close_matches(kind, [*_CHECKS, DISTILL], n=1)
        hint = f"did you mean {close[0]!r}?" if close else "choose one of these."
        raise InputError(f"data {data!r} is not a known source (supported now: {USAGE}): {hint}")
    if kind == "digits":
        if colon:
            raise InputError(f"data {data!r} names a place, but digits comes with scikit-learn: give just 'digits'")
        return Source(kind)
    if location:
        return Source(kind, Path(location).expanduser())
    if kind == "fashion-mnist":
        return Source(kind, FASHION_MNIST_DIR)
    wanted = "FILE" if kind == "npz" else "DIR"
    raise InputError(f"data {data!r} does not say where the files are: give {kind}:{wanted}")


def _parse_distill(data: str, inner: str) -> Source:
    if not inner or inner.partition(":")[0] == DISTILL:
        raise InputError(
            f"data {data!r} does not say what the inputs are: give distill for random ones, or distill:DATA with "
            "another source, such as distill:npz:FILE"
        )
    return replace(parse(inner), distill=True)


def absolute(data: str) -> str:
    """`data` with the place it names, if any, as an absolute path: a worker may run in another folder.

    `"distill:npz:x.npz"` in /home/me is `"distill:npz:/home/me/x.npz"`.
    """
    kind, colon, location = data.partition(":")
    if not colon:
        return data
    return f"{kind}:{absolute(location) if kind == DISTILL else Path(location).expanduser().resolve()}"


def check(data: str) -> None:
    """Raises InputError, with one sentence, unless `data` names a known source whose files are there."""
    source = parse(data)
    if source.path is not None:
        _CHECKS[source.kind](source.kind, source.path)


def idx_file(folder: Path, name: str) -> Path | None:
    """The IDX file `name` in `folder`, gzipped or not; None when neither is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def cifar10_folder(folder: Path) -> Path:
    """`folder`, or the folder of the published archive inside it when that is there."""
    inner = folder / CIFAR10_FOLDER
    return inner if inner.is_dir() else folder


def _check_digits(kind: str, path: Path) -> None:
    raise AssertionError(f"{kind} has no path, yet one was parsed: {path}")


def _check_idx(kind: str, folder: Path) -> None:
    package = " or install Debian's package dataset-fashion-mnist" if kind == "fashion-mnist" else ""
    remedy = f"give {kind}:DIR with the four IDX files of the data set (.gz or not){package}"
    _require_folder(kind, folder, remedy)
    _require_files(kind, folder, [name for name in IDX_FILES if idx_file(folder, name) is None], remedy)


def _check_cifar10(kind: str, folder: Path) -> None:
    remedy = (
        f"give cifar10:DIR with the standard python batches (data_batch_1 to 5, test_batch) or with {CIFAR10_FOLDER}/"
    )
    _require_folder(kind, folder, remedy)
    inner = cifar10_folder(folder)
    _require_files(kind, inner, [name for name in CIFAR10_FILES if not (inner / name).is_file()], remedy)


def _check_npz(kind: str, file: Path) -> None:
    if not file.is_file():
        raise InputError(f"data {kind}:{file} is not a file: give npz:FILE, written by numpy.savez(FILE, x=..., y=...)")


def _require_folder(kind: str, folder: Path, remedy: str) -> None:
    if not folder.is_dir():
        raise InputError(f"data {kind} was looked for in {folder}, which is not a directory: {remedy}")


def _require_files(kind: str, folder: Path, missing: list[str], remedy: str) -> None:
    if missing:
        raise InputError(f"data {kind} was looked for in {folder}, which lacks {', '.join(missing)}: {remedy}")


_CHECKS: dict[str, Callable[[str, Path], None]] = {
    "digits": _check_digits,
    "fashion-mnist": _check_idx,
    "mnist": _check_idx,
    "cifar10": _check_cifar10,
    "npz": _check_npz,
}
