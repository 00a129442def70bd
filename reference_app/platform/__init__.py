"""The only files that know a vendor: MongoDB, Redis, S3, SQS, Prometheus."""

from dataclasses import dataclass

from fastapi import Request, WebSocket
from starlette.requests import HTTPConnection

from reference_app.platform.mongo import Database
from reference_app.platform.objects import Objects
from reference_app.platform.queue import Queue
from reference_app.platform.redis import Redis
from reference_app.settings import Settings

__all__ = ["Database", "Objects", "Platform", "Queue", "Redis", "platform_of"]


@dataclass(frozen=True)
class Platform:
    """The clients of one process; made in the lifespan, bound to its event loop."""

    settings: Settings
    db: Database
    redis: Redis
    objects: Objects
    queue: Queue


def platform_of(connection: HTTPConnection | Request | WebSocket) -> Platform:
    platform: Platform = connection.app.state.platform
    return platform
