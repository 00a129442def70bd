"""The only files that know a vendor: MongoDB, Redis, S3, SQS, Prometheus."""

from dataclasses import dataclass

from fastapi import Request, WebSocket
from starlette.requests import HTTPConnection

from reference_app.platform import aws, mongo, redis
from reference_app.platform.cdn import Cdn
from reference_app.platform.channels import Channels
from reference_app.platform.group_commit import Commits
from reference_app.platform.grouped import Grouped, grouped_reads
from reference_app.platform.mongo import Database
from reference_app.platform.objects import Objects
from reference_app.platform.queue import Queue
from reference_app.platform.redis import Redis
from reference_app.settings import Settings

__all__ = [
    "STORE_AWAY",
    "Cdn",
    "Channels",
    "Commits",
    "Database",
    "Grouped",
    "Objects",
    "Platform",
    "Queue",
    "Redis",
    "grouped_reads",
    "platform_of",
]

# A server that we need does not answer: later, please.
STORE_AWAY: tuple[type[Exception], ...] = (*mongo.Unavailable, *redis.Unavailable, *aws.Unavailable)


@dataclass(frozen=True)
class Platform:
    """The clients of one process; made in the lifespan, bound to its event loop."""

    settings: Settings
    db: Database
    stale: Database  # for reads that may be a moment behind
    commits: Commits
    redis: Redis
    channels: Channels
    objects: Objects
    queue: Queue
    cdn: Cdn


def platform_of(connection: HTTPConnection | Request | WebSocket) -> Platform:
    platform: Platform = connection.app.state.platform
    return platform
