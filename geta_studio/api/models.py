"""/models: a traced model is taken, and the analysis of one is given, as data and as a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from geta_engine.documents.analysis import AnalysisDocument, GraphStage
from geta_studio.api.uploads import UploadedModel, receive_model
from geta_studio.services.model_library import shortened
from geta_studio.services.services import Services


def router(services: Services) -> APIRouter:
    """The routes of models."""
    routes = APIRouter(prefix="/models", tags=["models"])

    @routes.post("", status_code=201, responses={413: {}, 422: {}, 507: {}})
    async def upload(request: Request, name: str = "model.pt2") -> UploadedModel:
        """Upload a traced model: the body is the .pt2 file itself. A worker inspects it afterwards."""
        return await receive_model(request, services, Path(name.replace("\\", "/")).name or "model.pt2")

    @routes.get("/{key}/graph.json", responses={200: {"model": AnalysisDocument}, 404: {}})
    def graph_json(key: str) -> JSONResponse:
        """The analysis of a model that is on screen: nodes, edges, groups and quantizers, as `geta analyze --json`."""
        return JSONResponse(known_analysis(services, key))

    @routes.get("/{key}/graph.dot", responses={404: {}}, response_class=PlainTextResponse)
    def graph_dot(
        key: str, open: Annotated[list[str] | None, Query()] = None, stage: GraphStage = "groups", shape: bool = False
    ) -> str:
        """The graph at a stage in Graphviz's language, with these modules open; with its shape and mask ops or not."""
        return services.dot(known_analysis(services, key), frozenset(open or ()), stage, shape)

    return routes


def known_analysis(services: Services, key: str) -> AnalysisDocument:
    """The analysis of a model. Raises HTTPException, a 404, where there is none."""
    analysis = services.analyses.get(key)
    if analysis is None:
        raise HTTPException(404, f"model {shortened(key)!r} is not analysed here: open it in the studio first")
    return analysis
