"""The REST routes: health, models in, runs and compact models out. OpenAPI is at /openapi.json."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel

from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.drawing.stages import Stage
from geta_engine.errors import InputError
from geta_engine.store import RunRecord
from geta_studio.services.disk import DISK_FULL, is_disk_full, without_paths
from geta_studio.services.model_library import shortened
from geta_studio.services.services import Services
from geta_studio.shell.format import size


class Health(BaseModel):
    status: str = "ok"


class UploadedModel(BaseModel):
    """`model` is the key that `/?model=` and the model selector know."""

    model: str
    name: str


class Run(BaseModel):
    """A run as stored; `created` is seconds since the epoch, `summary` is what `geta show --json` holds."""

    run: int
    name: str
    created: float
    status: str
    stage: str | None
    step: int
    steps: int
    error: str | None
    config: dict[str, Any]
    summary: dict[str, Any]


class Runs(BaseModel):
    runs: list[Run]


def register(app: FastAPI, services: Services) -> None:
    """Put the routes under /api."""
    app.title = "GETA Studio"
    app.include_router(_router(services), prefix="/api")


def _router(services: Services) -> APIRouter:
    router = APIRouter(tags=["studio"])

    @router.get("/health")
    async def health() -> Health:
        """Whether the server answers."""
        return Health()

    @router.post("/models", status_code=201, responses={413: {}, 422: {}, 507: {}})
    async def upload(request: Request, name: str = "model.pt2") -> UploadedModel:
        """Upload a traced model: the body is the .pt2 file itself. A worker inspects it afterwards."""
        return await receive_model(request, services, Path(name.replace("\\", "/")).name or "model.pt2")

    @router.get("/models/{key}/graph.json", responses={404: {}})
    def graph_json(key: str) -> dict[str, Any]:
        """The analysis of a model that is on screen: nodes, edges, groups and quantizers, as `geta analyze --json`."""
        return dict(_analysis(services, key))

    @router.get("/models/{key}/graph.dot", responses={404: {}}, response_class=PlainTextResponse)
    def graph_dot(
        key: str, open: Annotated[list[str] | None, Query()] = None, stage: Stage = "groups", shape: bool = False
    ) -> str:
        """The graph at a stage in Graphviz's language, with these modules open; with its shape and mask ops or not."""
        return services.dot(_analysis(services, key), frozenset(open or ()), stage, shape)

    @router.get("/runs")
    def runs() -> Runs:
        """All runs, newest first."""
        return Runs(runs=[_shown(run, services) for run in services.runs.list()])

    @router.get("/runs/{run_id}", responses={404: {}})
    def run(run_id: int) -> Run:
        """One run."""
        return _shown(_known(services, run_id), services)

    @router.get("/runs/{run_id}/compact.pt2", responses={404: {}}, response_class=FileResponse)
    def compact(run_id: int) -> FileResponse:
        """The compact model of a finished run, for torch.export.load."""
        record = _known(services, run_id)
        file = services.runs.compact_file(run_id)
        if file is None:
            raise HTTPException(404, f"run {run_id} has no compact model yet: it is {record.status}")
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(record.name).stem)
        return FileResponse(file, media_type="application/octet-stream", filename=f"{stem}-run{run_id}-compact.pt2")

    return router


def _analysis(services: Services, key: str) -> AnalysisDocument:
    analysis = services.analyses.get(key)
    if analysis is None:
        raise HTTPException(404, f"model {shortened(key)!r} is not analysed here: open it in the studio first")
    return analysis


def _known(services: Services, run_id: int) -> RunRecord:
    try:
        return services.runs.get(run_id)
    except (InputError, OverflowError):
        raise HTTPException(404, f"run {run_id} is not in this store") from None


def _shown(run: RunRecord, services: Services) -> Run:
    root = services.workspace.root
    config = {**run.config, "model": services.library.label(services.library.key_of(run))}
    return Run(
        run=run.id,
        name=run.name,
        created=run.created,
        status=run.status,
        stage=run.stage,
        step=run.step,
        steps=run.steps,
        error=without_paths(run.error, root),
        config=config,
        summary=run.summary,
    )


async def receive_model(request: Request, services: Services, name: str) -> UploadedModel:
    """Stream the body to disk under its hash; nothing is left behind when it is too large or breaks off."""
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
