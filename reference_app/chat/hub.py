"""Fan-out between processes: whoever holds a person's socket hears what anybody sends to that person.

Sharded pub/sub, one channel a person. It may lose frames (a wiped or restarted Redis): clients catch up
over REST.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import WebSocket

from reference_app.chat.events import Event
from reference_app.platform import Redis, metrics
from reference_app.platform.redis import Unavailable

log = logging.getLogger(__name__)
RETRY_S = 0.5


def _channel(person: str) -> str:
    return f"to:{person}"


# A subscription that is never given up, so that the connection stays in pub/sub mode.
_IDLE_CHANNEL = _channel("nobody")


@dataclass(frozen=True)
class Fanout:
    """The sending side."""

    redis: Redis

    async def send(self, events: Mapping[str, Event]) -> None:
        """Send each person their event."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for person, event in events.items():
                pipe.spublish(_channel(person), event.model_dump_json())
            await pipe.execute()


class Hub:
    """The receiving side: the sockets that this process holds."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._pubsub = redis.pubsub()
        self._sockets: defaultdict[str, set[WebSocket]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._pubsub.ssubscribe(_IDLE_CHANNEL)
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        if self._reader:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def add(self, person: str, socket: WebSocket) -> None:
        first = not self._sockets[person]
        self._sockets[person].add(socket)
        metrics.SOCKETS.inc()
        if first:
            await self._pubsub.ssubscribe(_channel(person))

    async def remove(self, person: str, socket: WebSocket) -> None:
        self._sockets[person].discard(socket)
        metrics.SOCKETS.dec()
        if not self._sockets[person]:
            del self._sockets[person]
            await self._pubsub.sunsubscribe(_channel(person))

    async def close_all(self) -> None:
        """Tell every client to reconnect elsewhere."""
        for sockets in list(self._sockets.values()):
            for socket in list(sockets):
                await _close(socket)

    async def _read(self) -> None:
        while True:
            try:
                async for message in self._pubsub.listen():
                    if message["type"] == "smessage":
                        await self._deliver(message)
            except Unavailable:
                log.warning("Redis is away; subscriptions are restored when it is back")
            await asyncio.sleep(RETRY_S)

    async def _deliver(self, message: Mapping[str, Any]) -> None:
        person = message["channel"].decode().removeprefix("to:")
        text = message["data"].decode()
        for socket in list(self._sockets.get(person, ())):
            try:
                await socket.send_text(text)
            except RuntimeError:  # it closed a moment ago; its own handler removes it
                continue


async def _close(socket: WebSocket) -> None:
    try:
        await socket.close(code=1012, reason="server restart: reconnect")
    except RuntimeError:
        return
