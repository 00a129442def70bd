"""GET /healthz, /readyz and /metrics: for load balancers and Prometheus, not for clients."""

import os

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pymongo.errors import PyMongoError

from reference_app.chat.hub import Hub
from reference_app.platform import platform_of
from reference_app.platform.redis import Unavailable
from reference_app.settings import Service

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> dict[str, str]:
    """The process and the servers that it needs answer."""
    platform = platform_of(request)
    state = {"mongodb": "ok", "redis": "ok"}
    try:
        await platform.db.command("ping")
    except PyMongoError as error:
        state["mongodb"] = type(error).__name__
    try:
        await platform.redis.ping()
    except Unavailable as error:
        state["redis"] = type(error).__name__
    if Service.CHAT in request.app.state.services:
        hub: Hub = request.app.state.hub
        state["chat"] = "ok" if hub.reading else "not reading"
    if set(state.values()) != {"ok"}:
        response.status_code = 503
    return state | {"process": str(os.getpid())}


@router.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
