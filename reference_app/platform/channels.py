"""Publish and subscribe through Redis.

Sharded: a channel lives on the node that has its slot, so that each node of a cluster carries its share. Plain: every
node repeats everything, which is what the sharded kind is measured against. Either may lose messages, when Redis is
restarted or a connection is lost.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis as _Redis
from redis.asyncio import RedisCluster
from redis.asyncio.client import PubSub
from redis.asyncio.connection import parse_url
from redis.exceptions import ConnectionError

from reference_app.platform.redis import Redis, text
from reference_app.settings import Settings

# handle(channel, data): a message; without data the confirmation that the channel is subscribed to.
Handle = Callable[[str, str | None], None]
_ANY = "any"
_IDLE = "idle:"
IDLE_TRIES = 10_000  # the smallest node has more than one channel in a thousand


class Channels:
    """The channels of one Redis."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings, self._redis = settings, redis
        self.sharded = settings.sharded_channels

    async def publish(self, messages: Mapping[str, str]) -> list[int]:
        """Send each channel its message. Returns how many subscriptions each reached.

        Plain channels of a cluster count those of one node only.
        """
        if not self.sharded:  # the client of a cluster has no pipelines for these
            return await asyncio.gather(*(self._redis.publish(channel, m) for channel, m in messages.items()))
        async with self._redis.pipeline(transaction=False) as pipe:
            for channel, message in messages.items():
                pipe.spublish(channel, message)
            reached: list[int] = await pipe.execute()
        return reached

    def subscription(self) -> "Subscription":
        cluster: Any = self._redis
        if isinstance(cluster, RedisCluster):
            return Subscription(_ClusterNodes(self._settings, cluster, self.sharded), self.sharded)
        return Subscription(_OneNode(self._redis), self.sharded)


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
            host, _, port = name.rpartition(":")
            options: dict[str, Any] = {**parse_url(self._settings.redis_url), "host": host, "port": int(port)}
            self._clients[name] = _Redis(**options)
        return self._clients[name].pubsub()

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


class Subscription:
    """Channels that are listened to. When anything fails it is closed and opened anew, for nothing is sure then."""

    def __init__(self, nodes: _OneNode | _ClusterNodes, sharded: bool) -> None:
        self._nodes, self._sharded = nodes, sharded
        self._pubsubs: dict[str, PubSub] = {}
        self._wanted: set[str] = set()
        self._leaving = Counter[str]()  # asked for and not confirmed yet

    async def open(self, channels: Iterable[str] = ()) -> None:
        """Subscribe to these channels, and on each node to one of ours: it keeps the connection in pub/sub mode."""
        await self._nodes.refresh()
        for name in self._nodes.names():
            self._pubsubs[name] = self._nodes.pubsub(name)
            await self._subscribe(self._idle_channel(name))
        for channel in channels:
            await self.add(channel)

    async def close(self) -> None:
        for pubsub in self._pubsubs.values():
            with suppress(Exception):  # it may be in any state
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        self._pubsubs.clear()
        self._wanted.clear()
        self._leaving.clear()
        with suppress(Exception):
            await self._nodes.close()

    async def add(self, channel: str) -> None:
        """Its confirmation comes through `listen`."""
        self._wanted.add(channel)
        await self._subscribe(channel)

    async def remove(self, channel: str) -> None:
        self._wanted.discard(channel)
        pubsub = self._pubsub(channel)
        self._leaving[channel] += 1
        try:
            await (pubsub.sunsubscribe if self._sharded else pubsub.unsubscribe)(channel)
        except BaseException:  # nothing will be confirmed
            self._leaving[channel] -= 1
            raise

    async def listen(self, handle: Handle) -> None:
        """Hand on what comes, until a connection is lost or a channel has moved to another node: raises then."""
        async with asyncio.TaskGroup() as reading:
            for pubsub in self._pubsubs.values():
                reading.create_task(self._read(pubsub, handle))

    async def _read(self, pubsub: PubSub, handle: Handle) -> None:
        idle = 0
        async for message in pubsub.listen():
            channel = text(message["channel"])
            if channel.startswith(_IDLE) and (idle := idle + 1) > 1:
                raise ConnectionError("the connection was lost, and made anew by the client")
            match message["type"]:
                case "smessage" | "message":
                    handle(channel, text(message["data"]))
                # Left and wanted again at once: what comes until the leaving is confirmed is about the time before.
                case "ssubscribe" | "subscribe" if self._leaving[channel] < 1:
                    handle(channel, None)
                case "sunsubscribe" | "unsubscribe" if self._leaving[channel] > 0:
                    self._leaving[channel] -= 1
                    if not self._leaving[channel]:
                        del self._leaving[channel]
                case "sunsubscribe" if channel in self._wanted:
                    raise ConnectionError(f"{channel} has moved to another node")

    async def _subscribe(self, channel: str) -> None:
        pubsub = self._pubsub(channel)
        await (pubsub.ssubscribe if self._sharded else pubsub.subscribe)(channel)

    def _idle_channel(self, name: str) -> str:
        for number in range(IDLE_TRIES):
            if self._nodes.node_of(channel := f"{_IDLE}{number}") == name:
                return channel
        raise ConnectionError(f"{name} has no channels any more")

    def _pubsub(self, channel: str) -> PubSub:
        """Raises ConnectionError when the channel has moved to a node that was not there when this was opened."""
        try:
            return self._pubsubs[self._nodes.node_of(channel)]
        except KeyError as error:
            raise ConnectionError(f"{channel} is on a new node") from error
