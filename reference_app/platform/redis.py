"""Redis: one-time codes, cached sessions and decks, presence, fan-out. It may be wiped at any moment.

One server or a cluster: the calls that we use are the same, but for those that name keys of several slots.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, RedisCluster
from redis.asyncio import Redis as _Redis
from redis.asyncio.cluster import NodesManager
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    ClusterDownError,
    ClusterError,
    ConnectionError,
    RedisClusterException,
    SlotNotCoveredError,
    TimeoutError,
)

from reference_app.settings import Settings

Redis = _Redis
# What a lost connection looks like; whoever holds a subscription starts anew.
Unavailable = (ConnectionError, TimeoutError, ClusterError, RedisClusterException)
TIMEOUT_S = 2  # an answer takes less than a millisecond; whoever hangs is given up, and not asked again
# The client's own list has time-outs too. Its pipelines look nowhere else.
RedisCluster.ERRORS_ALLOW_RETRY = (ConnectionError, ClusterDownError, SlotNotCoveredError)  # type: ignore[assignment]


def text(value: bytes | str) -> str:
    """A Redis string as text; the client's types allow for both."""
    return value.decode() if isinstance(value, bytes) else value


@asynccontextmanager
async def connection(settings: Settings) -> AsyncIterator[Redis]:
    """Closed at the end. Raises Unavailable when a cluster is not there; one server is asked on first use."""
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.01), retries=3, supported_errors=(ConnectionError,)),
    }
    if settings.redis_cluster:
        # More than 100 calls at once would be refused; a process never has as many requests as this.
        options["max_connections"] = 5000
        cluster = RedisCluster.from_url(settings.redis_url, require_full_coverage=False, **options)
        nodes = cluster.nodes_manager
        nodes.__class__ = _OpenNodes
        try:
            yield cast(Redis, await cluster.initialize())
        finally:
            nodes.__class__ = NodesManager
            await cluster.aclose()
            # Which does nothing when the cluster was to be looked at anew.
            await nodes.aclose()
            await nodes.aclose("startup_nodes")
    else:
        # The default pool refuses the hundredth call at once; this one lets it wait for a connection.
        pool = BlockingConnectionPool.from_url(
            settings.redis_url, max_connections=settings.redis_pool_size, timeout=TIMEOUT_S, **options
        )
        client = _Redis.from_pool(pool)
        try:
            yield client
        finally:
            await client.aclose()


class _OpenNodes(NodesManager):
    """The nodes of a cluster, whose connections stay open when one is away.

    The client (8.1) would close those of all nodes then, while commands are under way on them, which fail with whatever
    they trip over. What is broken it opens anew in any case.
    """

    __slots__ = ()

    async def aclose(self, attr: str = "nodes_cache") -> None:
        """What the client calls to look at the cluster anew."""


async def values(redis: Redis, keys: Sequence[str]) -> list[bytes | None]:
    """The values of keys, wherever they are kept; None where there is none."""
    if not keys:
        return []
    cluster: Any = redis
    read: Any = cluster.mget_nonatomic if isinstance(cluster, RedisCluster) else cluster.mget
    found: list[bytes | None] = await read(keys)
    return found
