"""GET /runs...: runs, and the compact models that they made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse
from typing_extensions import TypedDict

from geta_engine.documents.runs import RunReport, RunSummary
from geta_engine.errors import InputError
from geta_studio.services.services import Services


class Run(RunReport):
    """A run as `geta show --json` tells of it; `summary` has what it found out once more, in one place."""

    summary: RunSummary


class Runs(TypedDict):
    """All runs, newest first."""

    runs: list[Run]


def router(services: Services) -> APIRouter:
    """The routes of runs."""
    routes = APIRouter(prefix="/runs", tags=["runs"])

    @routes.get("")
    def runs() -> Runs:
        """All runs, newest first."""
        return {"runs": [_run(report) for report in services.runs.reports()]}

    @routes.get("/{run_id}", responses={404: {}})
    def run(run_id: int) -> Run:
        """One run."""
        with run_must_exist(run_id):
            return _run(services.runs.report(run_id))

    @routes.get("/{run_id}/compact.pt2", responses={404: {}}, response_class=FileResponse)
    def compact(run_id: int) -> FileResponse:
        """The compact model of a finished run, for torch.export.load."""
        with run_must_exist(run_id):
            record = services.runs.get(run_id)
        file = services.runs.compact_file(run_id)
        if file is None:
            raise HTTPException(404, f"run {run_id} has no compact model yet: it is {record.status}")
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(record.name).stem)
        return FileResponse(file, media_type="application/octet-stream", filename=f"{stem}-run{run_id}-compact.pt2")

    return routes


@contextmanager
def run_must_exist(run_id: int) -> Iterator[None]:
    """404 where there is no such run."""
    try:
        yield
    except (InputError, OverflowError):
        raise HTTPException(404, f"run {run_id} is not in this store") from None


def _run(report: RunReport) -> Run:
    summary = {key: value for key, value in report.items() if key in RunSummary.__annotations__}
    return {**report, "summary": cast(RunSummary, summary)}
