"""GET /runs...: runs, and the compact models that they made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse
from pydantic import BaseModel

from geta_engine.documents.runs import RunRecord
from geta_engine.errors import InputError
from geta_studio.services.disk import without_paths
from geta_studio.services.services import Services


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
    """All runs, newest first."""

    runs: list[Run]


def router(services: Services) -> APIRouter:
    """The routes of runs."""
    routes = APIRouter(prefix="/runs", tags=["runs"])

    @routes.get("")
    def runs() -> Runs:
        """All runs, newest first."""
        return Runs(runs=[_run(record, services) for record in services.runs.list()])

    @routes.get("/{run_id}", responses={404: {}})
    def run(run_id: int) -> Run:
        """One run."""
        return _run(known_run(services, run_id), services)

    @routes.get("/{run_id}/compact.pt2", responses={404: {}}, response_class=FileResponse)
    def compact(run_id: int) -> FileResponse:
        """The compact model of a finished run, for torch.export.load."""
        record = known_run(services, run_id)
        file = services.runs.compact_file(run_id)
        if file is None:
            raise HTTPException(404, f"run {run_id} has no compact model yet: it is {record.status}")
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(record.name).stem)
        return FileResponse(file, media_type="application/octet-stream", filename=f"{stem}-run{run_id}-compact.pt2")

    return routes


def known_run(services: Services, run_id: int) -> RunRecord:
    """The record of a run. Raises HTTPException, a 404, where there is none."""
    try:
        return services.runs.get(run_id)
    except (InputError, OverflowError):
        raise HTTPException(404, f"run {run_id} is not in this store") from None


def _run(record: RunRecord, services: Services) -> Run:
    config = {**record.config, "model": services.library.label(services.library.key_of(record))}
    return Run(
        run=record.id,
        name=record.name,
        created=record.created,
        status=record.status,
        stage=record.stage,
        step=record.step,
        steps=record.steps,
        error=without_paths(record.error, services.workspace.root),
        config=config,
        summary=dict(record.summary),
    )
