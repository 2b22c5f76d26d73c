"""A traced model that is sent, streamed to disk."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from pathlib import Path

from fastapi import HTTPException, Request
from pydantic import BaseModel

from geta_studio.services.disk import DISK_FULL, is_disk_full
from geta_studio.services.services import Services
from geta_studio.shell.format import size


class UploadedModel(BaseModel):
    """`model` is the key that `/?model=` and the model selector know."""

    model: str
    name: str


async def receive_model(request: Request, services: Services, name: str) -> UploadedModel:
    """Stream the body to disk under its hash; nothing is left behind when it is too large or breaks off.

    Raises:
        HTTPException: 413 too large, 422 empty, 507 the disk is full.
    """
    limit = services.library.upload_limit
    _refuse_beyond(limit, int(request.headers.get("content-length") or 0))
    part = services.workspace.models / f"{uuid.uuid4().hex}.part"
    try:
        sha256 = await _stream(request, part, limit)
        key = await asyncio.to_thread(services.add_upload, part, sha256, name)
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise HTTPException(507, DISK_FULL) from None
    finally:
        part.unlink(missing_ok=True)
    return UploadedModel(model=key, name=name)


async def _stream(request: Request, part: Path, limit: int) -> str:
    digest, received = hashlib.sha256(), 0
    with part.open("wb") as file:
        async for chunk in request.stream():
            received += len(chunk)
            _refuse_beyond(limit, received)
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    if not received:
        raise HTTPException(422, "the upload is empty: send a .pt2 file written by torch.export.save as the body")
    return digest.hexdigest()


def _refuse_beyond(limit: int, received: int) -> None:
    if received > limit:
        allowed = f"this studio takes files of at most {size(limit)}"
        raise HTTPException(413, f"the file is too large: {allowed}; start it with a larger GETA_MAX_UPLOAD_MB")
