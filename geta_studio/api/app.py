"""Puts the REST routes under /api; OpenAPI is at /openapi.json, and docs/rest.md names each route."""

from __future__ import annotations

from fastapi import FastAPI

from geta_studio.api import health, models, runs
from geta_studio.services.services import Services

PREFIX = "/api"


def register(app: FastAPI, services: Services) -> None:
    """Add the routes of all resources."""
    app.title = "GETA Studio"
    for router in (health.router(), models.router(services), runs.router(services)):
        app.include_router(router, prefix=PREFIX)
