"""Publish and subscribe through Redis.

Sharded: a channel lives on the node that has its slot, so that each node of a cluster carries its share. Plain: every
node repeats everything, which is what the sharded kind is measured against. Either may lose messages, when Redis is
restarted or a connection is lost: whoever listens is told which channels were deaf for a while.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from redis.asyncio import Connection, ConnectionPool, RedisCluster
from redis.asyncio import Redis as _Redis
from redis.asyncio.client import PubSub
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisClusterException, RedisError

from reference_app.background import end
from reference_app.platform.redis import TIMEOUT_S, Redis, text
from reference_app.settings import Settings

log = logging.getLogger(__name__)
RETRY_S = 0.5
PING_S = 2.0  # a node that has been silent for that long is asked, and given up after as long again
_LOST = (RedisError, RedisClusterException, OSError)
_ANY, _NOWHERE = "any", ""
_IDLE = "idle"


class Moved(Exception):
    """A channel is on another node now: nothing is sure but a new start."""


class Listener(Protocol):
    """Who a subscription tells."""

    def heard(self, channel: str, message: str) -> None: ...

    def confirmed(self, channel: str) -> None:
        """From now on everything is heard."""

    def lost(self, channels: Iterable[str], since: datetime) -> None:
        """Nothing is surely heard from `since` until they are confirmed again, and nothing of that time will be."""


class Channels:
    """The channels of one Redis."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings, self._redis = settings, redis
        self.sharded = settings.sharded_channels
        # Plain channels of a cluster count the subscriptions of one node only.
        self.counts_all = self.sharded or not settings.redis_cluster

    async def publish(self, messages: Mapping[str, str]) -> list[int]:
        """Send each channel its message. Returns how many subscriptions each reached, as far as `counts_all` says."""
        if not self.sharded:  # the client of a cluster has no pipelines for these
            return await asyncio.gather(*(self._redis.publish(channel, m) for channel, m in messages.items()))
        async with self._redis.pipeline(transaction=False) as pipe:
            for channel, message in messages.items():
                pipe.spublish(channel, message)
            reached: list[int] = await pipe.execute()
        return reached

    def subscription(self, listener: Listener) -> "Subscription":
        cluster: Any = self._redis
        if isinstance(cluster, RedisCluster):
            return Subscription(_ClusterNodes(self._settings, cluster, self.sharded), self.sharded, listener)
        return Subscription(_OneNode(self._redis), self.sharded, listener)


class _OneNode:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def refresh(self) -> None:
        """Nothing can have moved."""

    def names(self) -> list[str]:
        return [_ANY]

    def node_of(self, channel: str) -> str:
        return _ANY

    def pubsub(self, name: str) -> PubSub:
        return self._redis.pubsub()

    async def close(self) -> None:
        """The client is not ours to close."""


class _ClusterNodes:
    """A connection of our own to each primary: the cluster client would ask one after the other for messages."""

    def __init__(self, settings: Settings, cluster: RedisCluster, sharded: bool) -> None:
        self._settings, self._cluster, self._sharded = settings, cluster, sharded
        self._clients: dict[str, Redis] = {}

    async def refresh(self) -> None:
        await self._cluster.nodes_manager.initialize()

    def names(self) -> list[str]:
        primaries = sorted(node.name for node in self._cluster.get_primaries())
        return primaries if self._sharded else primaries[:1]

    def node_of(self, channel: str) -> str:
        if not self._sharded:
            return self.names()[0]
        node = self._cluster.get_node_from_key(channel)
        assert node is not None  # it raises when nobody has the slot
        return str(node.name)

    def pubsub(self, name: str) -> PubSub:
        if name not in self._clients:
            self._clients[name] = _Redis.from_pool(node_pool(self._settings.redis_url, name))
        return self._clients[name].pubsub()

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


def node_pool(cluster_url: str, name: str) -> ConnectionPool:
    """Connections to one node of a cluster, "host:port": TLS and password as the cluster's URL says."""
    options: dict[str, Any] = dict(parse_url(cluster_url))
    kind = options.pop("connection_class", Connection)
    options["host"], _, port = name.rpartition(":")
    options |= {"port": int(port), "socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    # Trying again is ours: the node's channels are known to be deaf meanwhile.
    return ConnectionPool(kind, **options, retry=Retry(NoBackoff(), retries=0))


class Subscription:
    """Channels that are listened to, on each node by itself: one that is lost is tried again until it is back."""

    def __init__(self, nodes: _OneNode | _ClusterNodes, sharded: bool, listener: Listener) -> None:
        self._nodes, self._sharded, self._listener = nodes, sharded, listener
        self._joined: dict[str, _Joined] = {}  # nodes that are connected
        self._wanted: dict[str, str] = {}  # channel -> its node
        self._served: set[str] = set()  # nodes that are connected, or tried until they are
        self._untried: set[str] = set()
        self._stranger = asyncio.Event()  # a channel is on a node that is not served
        self.ready = asyncio.Event()  # every node was connected, or is away

    @property
    def connected(self) -> bool:
        """Whether anything can be heard."""
        return bool(self._joined)

    async def add(self, channel: str) -> None:
        """The listener is told when it is confirmed. Raises ConnectionError when its node is away."""
        name = self._nodes.node_of(channel)
        if name not in self._served:
            self._stranger.set()
        node = self._joined.get(name)
        if node is None:
            raise ConnectionError(f"the node of {channel} is away")
        self._wanted[channel] = name
        try:
            await self._subscribe(node.pubsub, channel)
            if self._joined.get(name) is not node:
                raise ConnectionError(f"the node of {channel} has just gone away")
        except BaseException:
            self._wanted.pop(channel, None)
            raise

    async def remove(self, channel: str) -> None:
        node = self._joined.get(self._wanted.pop(channel, ""))
        if node is None:
            return
        node.leaving[channel] += 1
        try:
            await (node.pubsub.sunsubscribe if self._sharded else node.pubsub.unsubscribe)(channel)
        except BaseException:  # nothing will be confirmed
            node.leaving[channel] -= 1
            raise

    async def listen(self) -> None:
        """Connect to every node, and tell the listener of what comes there.

        Raises Moved when channels are on other nodes now, and what Redis raises when no node says which there are.
        Nothing is connected then: listen again.
        """
        self._wanted = dict.fromkeys(self._wanted, _NOWHERE)  # for whoever leaves while that is being asked
        self._stranger.clear()
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._nodes.refresh()
            # Now, for all nodes: while they are joined one after the other a channel may go to one that is done.
            self._wanted = {channel: self._nodes.node_of(channel) for channel in self._wanted}
            self._served = set(self._nodes.names())
            self._untried = set(self._served)
            tasks = [asyncio.create_task(self._serve(name)) for name in self._served]
            tasks.append(asyncio.create_task(self._meet_strangers()))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            await end(tasks)
            await self._nodes.close()

    async def _serve(self, name: str) -> None:
        """One node, for as long as it is one."""
        while True:
            try:
                node = await self._join(name)
                self._tried(name)
                await self._read(node)
            except _LOST as error:
                self._tried(name)
                log.warning("Not subscribed on %s (%s: %s)", name, type(error).__name__, error)
            finally:
                await self._leave(name)
            await asyncio.sleep(RETRY_S)
            with suppress(*_LOST):
                await self._nodes.refresh()
            if name not in self._nodes.names():
                raise Moved(f"{name} has no channels any more")

    async def _meet_strangers(self) -> None:
        await self._stranger.wait()
        raise Moved("the cluster has a node that was not there before")

    def _tried(self, name: str) -> None:
        self._untried.discard(name)
        if not self._untried:
            self.ready.set()

    async def _join(self, name: str) -> "_Joined":
        """Subscribe to what is wanted of a node, and to a channel of ours: it keeps the connection in pub/sub mode.

        That one is plain, which every node has, however few slots it was given so far.
        """
        node = _Joined(self._nodes.pubsub(name))
        try:
            await node.pubsub.subscribe(_IDLE)
        except BaseException:
            await _close(node.pubsub)
            raise
        # From here on whoever leaves says so to the node.
        self._joined[name] = node
        for channel in list(self._wanted):
            before = self._wanted.get(channel)
            if before is None:
                continue
            if self._nodes.node_of(channel) == name:
                self._wanted[channel] = name
                await self._subscribe(node.pubsub, channel)
            elif before == name:
                raise Moved(f"{channel} is on another node")
        return node

    async def _leave(self, name: str) -> None:
        if node := self._joined.pop(name, None):
            self._listener.lost([channel for channel, on in self._wanted.items() if on == name], node.heard_at)
            await _close(node.pubsub)

    async def _read(self, node: "_Joined") -> None:
        """Until the connection is lost, which raises. A node that hangs closes none: it does not answer a ping."""
        idle, leaving, pinged = 0, node.leaving, False
        while True:
            message = await node.pubsub.get_message(timeout=PING_S)
            if message is None:
                if pinged:
                    raise ConnectionError(f"it has not answered a ping for {PING_S:g} s")
                await node.pubsub.ping()
                pinged = True
                continue
            node.heard_at, pinged = datetime.now(UTC), False
            if message["type"] == "pong":
                continue
            channel = text(message["channel"])
            if channel == _IDLE and (idle := idle + 1) > 1:
                raise ConnectionError("the connection was lost, and made anew by the client")
            match message["type"]:
                case "smessage" | "message":
                    self._listener.heard(channel, text(message["data"]))
                # Left and wanted again at once: what comes until the leaving is confirmed is about the time before.
                case "ssubscribe" | "subscribe" if leaving[channel] < 1:
                    self._listener.confirmed(channel)
                case "sunsubscribe" | "unsubscribe" if leaving[channel] > 0:
                    leaving[channel] -= 1
                    if not leaving[channel]:
                        del leaving[channel]
                case "sunsubscribe" if channel in self._wanted:
                    raise Moved(f"{channel} is on another node")

    async def _subscribe(self, pubsub: PubSub, channel: str) -> None:
        await (pubsub.ssubscribe if self._sharded else pubsub.subscribe)(channel)


@dataclass
class _Joined:
    """A node that is connected. `leaving`: how often a channel was left and that is not confirmed yet."""

    pubsub: PubSub
    heard_at: datetime = field(default_factory=lambda: datetime.now(UTC))  # its last sign of life
    leaving: Counter[str] = field(default_factory=Counter)


async def _close(pubsub: PubSub) -> None:
    with suppress(Exception):  # it may be in any state
        await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
