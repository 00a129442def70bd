"""Redis: sessions, one-time codes, decks, presence, fan-out. It may be wiped at any moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis as _Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError, TimeoutError

from reference_app.settings import Settings

Redis = _Redis
# What a lost connection looks like; whoever holds a subscription starts anew.
Unavailable = (ConnectionError, TimeoutError)


def text(value: bytes | str) -> str:
    """A Redis string as text; the client's types allow for both."""
    return value.decode() if isinstance(value, bytes) else value


@asynccontextmanager
async def connection(settings: Settings) -> AsyncIterator[Redis]:
    client: Redis = _Redis.from_url(
        settings.redis_url,
        socket_timeout=5,
        socket_connect_timeout=5,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.01), retries=3),
        retry_on_error=[ConnectionError, TimeoutError],
    )
    try:
        yield client
    finally:
        await client.aclose()
