"""A zip from a stranger, looked at before anything in it is used: names, counts, sizes. Standard library only."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass

from geta_engine.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_.+\- ]+(/[A-Za-z0-9_.+\- ]+)*")
_ENCRYPTED = 0x1
_SYMLINK, _FILE_TYPE = 0o120000, 0o170000


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes. `ratio` bounds uncompressed over compressed bytes; torch stores its entries uncompressed."""

    file_bytes: int = 2 * 2**30
    total_bytes: int = 8 * 2**30
    ratio: float = 200.0
    entries: int = 100_000


DEFAULT_LIMITS = Limits()


def checked_entries(archive: zipfile.ZipFile, label: str, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    """Entry name -> record of `archive`, which is called `label` in messages.

    Raises:
        InputError: too many entries; a name that is absolute, climbs with `..`, has odd characters or appears twice;
            an encrypted entry, a link or an unusual compression; bytes before the zip; sizes or ratios over `limits`.
    """
    infos = archive.infolist()
    if len(infos) > limits.entries:
        raise InputError(f"{label} has {len(infos)} entries and at most {limits.entries} are read: {_REMEDY}")
    if infos and min(info.header_offset for info in infos) != 0:
        raise InputError(f"{label} is cut short or has a zip inside something else: {_REMEDY}")
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        _check_entry(info, label, limits)
        if info.filename in entries:
            raise InputError(f"{label} has two entries named {shown(info.filename)}: {_REMEDY}")
        entries[info.filename] = info
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise InputError(f"{label} unpacks to {total} bytes and at most {limits.total_bytes} are read: {_REMEDY}")
    return entries


def shown(name: str) -> str:
    """A stranger's name for a message: quoted, escaped, cut at 80 characters."""
    return ascii(name if len(name) <= 80 else f"{name[:77]}...")


_REMEDY = "give a file as torch.export.save writes it"


def _check_entry(info: zipfile.ZipInfo, label: str, limits: Limits) -> None:
    # zipfile cuts names at a zero byte and turns separators, so the name as written is checked too
    for name in (info.filename, info.orig_filename):
        if not _NAME.fullmatch(name) or any(part in (".", "..") for part in name.split("/")):
            raise InputError(f"{label} has an entry with the path {shown(name)}, which is not a plain name: {_REMEDY}")
    if info.flag_bits & _ENCRYPTED or (info.external_attr >> 16) & _FILE_TYPE == _SYMLINK:
        raise InputError(f"{label} has an encrypted or linked entry {shown(info.filename)}: {_REMEDY}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{label} packs {shown(info.filename)} in an unusual way: {_REMEDY}")
    if info.file_size > limits.ratio * max(info.compress_size, 1):
        raise InputError(
            f"{label} packs {info.file_size} bytes of {shown(info.filename)} into {info.compress_size}, more than "
            f"{limits.ratio:g} to 1: {_REMEDY}"
        )
