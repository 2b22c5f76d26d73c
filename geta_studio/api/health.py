"""GET /health."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel


class Health(BaseModel):
    status: str = "ok"


def router() -> APIRouter:
    """The route by which a page sees that the server is there."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> Health:
        """Whether the server answers."""
        return Health()

    return routes
