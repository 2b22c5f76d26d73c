"""A `.pt2` from a stranger -> ExportedProgram, with nothing in it unpickled or run.

`torch.export.load` says itself that it may unpickle. So the archive is inspected first, and then *copied*: torch reads
only a fresh archive that holds the entries accepted here - raw tensors, their JSON, a program cleaned by
`program_schema` and example inputs written anew. What was not accepted is not there to be loaded, and two readers of
one zip cannot disagree.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from geta_engine.errors import InputError
from geta_engine.trace.pt2.program_schema import clean_program, parse_json
from geta_engine.trace.pt2.zip_limits import DEFAULT_LIMITS, Limits, checked_entries, shown

if TYPE_CHECKING:
    from torch.export import ExportedProgram

PROGRAM = "models/model.json"
SAMPLE_INPUTS = "data/sample_inputs/model.pt"
CONFIGS = {
    "data/weights/": "data/weights/model_weights_config.json",
    "data/constants/": "data/constants/model_constants_config.json",
}
_TENSOR = {"data/weights/": re.compile(r"weight_\d+"), "data/constants/": re.compile(r"tensor_\d+")}
_REQUIRED = ("archive_format", "archive_version", PROGRAM, SAMPLE_INPUTS, *CONFIGS.values())
_BOOKKEEPING = {"byteorder", ".data/version", ".data/serialization_id"}
_COMPILED = ("data/aotinductor/", "data/executorch/", "data/mtia")
_CODE_SUFFIXES = (".so", ".py", ".pyc", ".cpp", ".o", ".cubin", ".ptx", ".dll", ".dylib")
_OBJECTS = ("data/constants/custom_obj_", "data/constants/opaque_obj_")
_MAX_JSON_BYTES = 512 * 2**20
_MAX_SAMPLE_BYTES = 512 * 2**20
_REMEDY = "export the model again and write it with torch.export.save"


@dataclass(frozen=True)
class Inspection:
    """What an accepted archive holds: the single top folder, tensor entries (without the folder), bytes unpacked."""

    folder: str
    tensors: tuple[str, ...]
    unpacked_bytes: int


def inspect(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Inspection:
    """Look through the archive without torch's loader; nothing is written.

    Raises:
        InputError: the file is over `limits`, is no `.pt2` of torch.export.save, or holds anything that would be
            unpickled, imported, compiled or run.
    """
    with _opened(path, limits) as (archive, label):
        return _inspect(archive, label, limits)


def safe_load(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> ExportedProgram:
    """`torch.export.load` for a file that is not trusted. Guards and stack traces of the file are left behind.

    Raises:
        InputError: see `inspect`; also when torch cannot read what was accepted.
    """
    import torch

    with _opened(path, limits) as (archive, label), tempfile.TemporaryFile() as clean:
        inspection = _inspect(archive, label, limits)
        _write_clean(archive, inspection, label, clean)
        clean.seek(0)
        try:
            return torch.export.load(clean)
        except Exception as error:
            reason = ascii(str(error).strip().splitlines()[0][:200]) if str(error).strip() else type(error).__name__
            raise InputError(f"{label} cannot be read by torch {torch.__version__} ({reason}): {_REMEDY}") from error


@contextmanager
def _opened(path: str | os.PathLike[str], limits: Limits) -> Iterator[tuple[zipfile.ZipFile, str]]:
    file = Path(path)
    label = shown(file.name)
    if not file.is_file():
        raise InputError(f"there is no file {label}: give the path of a .pt2 file")
    if file.stat().st_size > limits.file_bytes:
        raise InputError(f"{label} has {file.stat().st_size} bytes and at most {limits.file_bytes} are read: {_REMEDY}")
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive, label
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
        raise InputError(f"{label} is not a .pt2 archive ({error}): {_REMEDY}") from None


def _inspect(archive: zipfile.ZipFile, label: str, limits: Limits) -> Inspection:
    entries = checked_entries(archive, label, limits)
    folder, names = _without_folder(entries, label)
    for name in names:
        _check_place(name, label)
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise InputError(f"{label} has no {missing[0]}: {_REMEDY}")
    if archive.read(f"{folder}/archive_format") != b"pt2":
        raise InputError(f"{label} does not say that it is a pt2 archive: {_REMEDY}")
    if "byteorder" in names and archive.read(f"{folder}/byteorder").decode("ascii", "replace") != sys.byteorder:
        raise InputError(f"{label} was written on a machine of another byte order: {_REMEDY} on this one")
    tensors = tuple(name for prefix in CONFIGS for name in _payloads(archive, folder, names, prefix, label))
    clean_program(_read(archive, f"{folder}/{PROGRAM}", _MAX_JSON_BYTES, label), label)
    _sample_inputs(archive, folder, label)
    return Inspection(folder, tensors, sum(info.file_size for info in entries.values()))


def _without_folder(entries: dict[str, zipfile.ZipInfo], label: str) -> tuple[str, set[str]]:
    if "serialized_exported_program.json" in entries:
        raise InputError(
            f"{label} was written by PyTorch 2.7 or older, whose files are pickles: {_REMEDY} of PyTorch 2.13"
        )
    folders = {name.partition("/")[0] for name in entries}
    if len(folders) != 1 or not all("/" in name for name in entries):
        raise InputError(f"{label} has {len(folders)} top folders where torch.export.save writes one: {_REMEDY}")
    folder = folders.pop()
    return folder, {name.partition("/")[2] for name in entries}


def _check_place(name: str, label: str) -> None:
    if name.startswith(_COMPILED) or name.endswith(_CODE_SUFFIXES):
        raise InputError(f"{label} holds compiled or source code ({shown(name)}), which is never run: {_REMEDY}")
    if name.startswith(_OBJECTS):
        raise InputError(f"{label} holds a pickled object ({shown(name)}), which is never opened: {_REMEDY}")
    tensor = any(name.startswith(at) and form.fullmatch(name.removeprefix(at)) for at, form in _TENSOR.items())
    if not (tensor or name in _REQUIRED or name in _BOOKKEEPING or name.startswith("extra/")):
        raise InputError(f"{label} holds {shown(name)}, which torch.export.save does not write: {_REMEDY}")


def _payloads(archive: zipfile.ZipFile, folder: str, names: set[str], prefix: str, label: str) -> Iterator[str]:
    """Entries of raw tensors that the config under `prefix` names, each checked, each once."""
    config = parse_json(_read(archive, f"{folder}/{CONFIGS[prefix]}", _MAX_JSON_BYTES, label), label, CONFIGS[prefix])
    payloads = config.get("config")
    if not isinstance(payloads, dict):
        raise InputError(f"{label} has no list of tensors in {CONFIGS[prefix]}: {_REMEDY}")
    seen: set[str] = set()
    for parameter, payload in payloads.items():
        name = _payload_name(parameter, payload, prefix, label)
        if name not in names:
            raise InputError(f"{label} lacks {shown(name)}, the numbers of {shown(parameter)}: {_REMEDY}")
        _check_storage_size(archive.getinfo(f"{folder}/{name}"), payload["tensor_meta"], parameter, label)
        if name not in seen:
            seen.add(name)
            _refuse_pickle(archive, folder, name, label)
            yield name


def _payload_name(parameter: str, payload: Any, prefix: str, label: str) -> str:
    if not isinstance(payload, dict) or payload.get("use_pickle") is not False:
        raise InputError(f"{label} stores {shown(parameter)} as a pickle, which is never opened: {_REMEDY}")
    path = payload.get("path_name")
    if (
        not isinstance(path, str)
        or not _TENSOR[prefix].fullmatch(path)
        or not isinstance(payload.get("tensor_meta"), dict)
    ):
        raise InputError(f"{label} does not say where the numbers of {shown(parameter)} are: {_REMEDY}")
    return prefix + path


def _check_storage_size(info: zipfile.ZipInfo, meta: dict[str, Any], parameter: str, label: str) -> None:
    """An entry without bytes makes torch allocate the shape it claims: let that be nothing, or a meta tensor."""
    sizes = [size.get("as_int") if isinstance(size, dict) else None for size in meta.get("sizes") or ()]
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise InputError(f"{label} gives {shown(parameter)} a shape that is not whole numbers: {_REMEDY}")
    on_meta = isinstance(meta.get("device"), dict) and meta["device"].get("type") == "meta"
    if info.file_size == 0 and math.prod(sizes) > 0 and not on_meta:  # type: ignore[arg-type]
        raise InputError(f"{label} holds no numbers for {shown(parameter)}: {_REMEDY}")


def _refuse_pickle(archive: zipfile.ZipFile, folder: str, name: str, label: str) -> None:
    """Raw tensors are never unpickled, so this only makes a pickle in their place visible as what it is.

    The first bytes alone do not tell: one float tensor in 16,384 starts like a pickle by chance. A whole pickle parses.
    """
    with archive.open(f"{folder}/{name}") as stream:
        head = stream.read(4)
        is_zip = head == b"PK\x03\x04"
        is_pickle = head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and _parses(head + stream.read(2**20))
    if is_zip or is_pickle:
        raise InputError(f"{label} holds a pickle in {shown(name)}, where raw numbers belong: {_REMEDY}")


def _parses(content: bytes) -> bool:
    try:
        return any(opcode.name == "STOP" for opcode, _, _ in pickletools.genops(content))
    except (ValueError, pickle.UnpicklingError, UnicodeDecodeError, OverflowError):
        return False


def _read(archive: zipfile.ZipFile, name: str, most: int, label: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > most:
        raise InputError(f"{label} holds {size} bytes in {shown(name)} and at most {most} are read: {_REMEDY}")
    return archive.read(name)


def _sample_inputs(archive: zipfile.ZipFile, folder: str, label: str) -> Any:
    """The example inputs, read with `weights_only=True`: nested containers of tensors and plain values.

    Raises:
        InputError: reading them needs more than that.
    """
    import torch

    content = _read(archive, f"{folder}/{SAMPLE_INPUTS}", _MAX_SAMPLE_BYTES, label)
    if not content:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as nested:
            checked_entries(nested, f"the example inputs of {label}", Limits(total_bytes=_MAX_SAMPLE_BYTES))
        inputs = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{label} holds example inputs that only unpickling could open, which is never done: {_REMEDY}"
        ) from error
    if not _is_plain(inputs):
        raise InputError(f"{label} holds example inputs that are not tensors in tuples and dictionaries: {_REMEDY}")
    return inputs


def _is_plain(value: Any) -> bool:
    import torch

    if type(value) in (tuple, list):
        return all(_is_plain(item) for item in value)
    if type(value) is dict:
        return all(isinstance(key, str) for key in value) and all(_is_plain(item) for item in value.values())
    return value is None or type(value) in (torch.Tensor, torch.nn.Parameter, bool, int, float, str)


def _write_clean(archive: zipfile.ZipFile, inspection: Inspection, label: str, target: BinaryIO) -> None:
    """The archive that torch reads: accepted entries only, stored, the program cleaned, the inputs written anew."""
    import torch

    folder = inspection.folder
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as clean:
        for name in ("archive_format", "archive_version", *CONFIGS.values()):
            clean.writestr(f"model/{name}", archive.read(f"{folder}/{name}"))
        clean.writestr("model/.data/version", b"6\n")
        clean.writestr("model/byteorder", sys.byteorder.encode())
        clean.writestr(f"model/{PROGRAM}", clean_program(archive.read(f"{folder}/{PROGRAM}"), label))
        inputs, buffer = _sample_inputs(archive, folder, label), io.BytesIO()
        if inputs is not None:
            torch.save(inputs, buffer)
        clean.writestr(f"model/{SAMPLE_INPUTS}", buffer.getvalue())
        for name in inspection.tensors:
            info = zipfile.ZipInfo(f"model/{name}")
            info.file_size = archive.getinfo(f"{folder}/{name}").file_size
            with archive.open(f"{folder}/{name}") as source, clean.open(info, "w") as sink:
                shutil.copyfileobj(source, sink, 2**20)
