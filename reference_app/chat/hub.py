"""Fan-out between processes: whoever holds a person's socket hears what anybody sends to that person.

Sharded pub/sub, one channel a person. It may lose frames (a wiped or restarted Redis): clients catch up
over REST.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from reference_app.chat.events import Event, SessionEnded
from reference_app.platform import STORE_AWAY, Redis, metrics

log = logging.getLogger(__name__)
RETRY_S = 0.5
CONFIRMED_WITHIN_S = 5.0
# A phone that reads nothing for this many frames is dropped; it catches up over REST when it is back.
FRAMES_WAITING_MAX = 100
RESTART, TOO_SLOW, NOT_SIGNED_IN = 1012, 1013, 4401
_SESSION_ENDED = SessionEnded().model_dump_json()
# What sending to a socket that has just gone away raises.
_GONE = (RuntimeError, WebSocketDisconnect)


def _channel(person: str) -> str:
    return f"to:{person}"


# A subscription that is never given up, so that the connection stays in pub/sub mode.
_IDLE_CHANNEL = _channel("nobody")


@dataclass(frozen=True)
class Fanout:
    """The sending side. What it sends is stored already: when Redis is away, REST has to tell it."""

    redis: Redis

    async def send(self, events: Mapping[str, Event]) -> set[str]:
        """Send each person their event. Returns those who have a socket somewhere."""
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for person, event in events.items():
                    pipe.spublish(_channel(person), event.model_dump_json())
                listening = await pipe.execute()
        except STORE_AWAY as error:
            log.warning("Not sent over sockets: %s", error)
            return set()
        return {person for person, sockets in zip(events, listening, strict=True) if sockets}


class Connection:
    """One socket. Frames wait in a queue of its own, so that a slow client delays nobody else."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue(FRAMES_WAITING_MAX)
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The handshake is over: what waits can be sent."""
        self._writer = asyncio.create_task(self._write())

    def send(self, text: str) -> None:
        """Send it when its turn comes."""
        self._put(text)

    def end(self, code: int, reason: str) -> None:
        """Close the socket when everything before this has been sent."""
        self._put((code, reason))

    def _put(self, item: str | tuple[int, str]) -> None:
        try:
            self._waiting.put_nowait(item)
        except asyncio.QueueFull:
            if self._writer:
                self._writer.cancel()

    async def close(self, code: int, reason: str) -> None:
        with suppress(*_GONE):
            await self._socket.close(code, reason)

    async def stop(self) -> None:
        """The socket is closed: nothing more can be sent."""
        if self._writer:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def _write(self) -> None:
        try:
            while isinstance(item := await self._waiting.get(), str):
                await self._socket.send_text(item)
            await self.close(*item)
        except _GONE:
            return
        finally:
            if self._waiting.full():
                await self.close(TOO_SLOW, "too slow: reconnect and catch up")


class Hub:
    """The receiving side: the sockets that this process holds."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._pubsub = redis.pubsub()
        self._connections: defaultdict[str, set[Connection]] = defaultdict(set)
        self._confirmed: dict[str, asyncio.Event] = {}
        self._subscribing = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._pubsub.ssubscribe(_IDLE_CHANNEL)
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        if self._reader:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    @property
    def reading(self) -> bool:
        """Whether events from Redis can arrive."""
        return self._reader is not None and not self._reader.done()

    async def add(self, person: str, connection: Connection) -> None:
        """Returns when events for the person arrive here. Raises TimeoutError or what Redis raises when it is away."""
        confirmed = self._confirmed.setdefault(person, asyncio.Event())
        async with self._subscribing:
            if not self._connections.get(person):
                await self._pubsub.ssubscribe(_channel(person))
            self._connections[person].add(connection)
        metrics.SOCKETS.inc()
        async with asyncio.timeout(CONFIRMED_WITHIN_S):
            await confirmed.wait()

    async def remove(self, person: str, connection: Connection) -> bool:
        """Returns whether it was the person's last one here."""
        async with self._subscribing:
            if connection not in self._connections.get(person, ()):
                return False
            self._connections[person].discard(connection)
            metrics.SOCKETS.dec()
            if self._connections[person]:
                return False
            del self._connections[person]
            self._confirmed.pop(person, None)
            with suppress(Exception):  # a channel too many costs nothing; the next new start drops it
                await self._pubsub.sunsubscribe(_channel(person))
            return True

    async def close_all(self) -> None:
        """Tell every client to reconnect elsewhere."""
        everybody = [connection for held in self._connections.values() for connection in held]
        await asyncio.gather(*(connection.close(RESTART, "server restart: reconnect") for connection in everybody))

    async def _read(self) -> None:
        while True:
            try:
                async for message in self._pubsub.listen():
                    if message["type"] == "smessage":
                        self._deliver(message)
                    elif message["type"] == "ssubscribe":
                        self._confirm(message)
            except Exception as error:  # whatever it was, nobody hears anything until it is mended
                log.warning("Subscriptions are lost (%s: %s); starting anew", type(error).__name__, error)
            await asyncio.sleep(RETRY_S)
            await self._start_anew()

    async def _start_anew(self) -> None:
        """A fresh subscription to everybody who is here; the old one may be in any state."""
        async with self._subscribing:
            with suppress(Exception):
                await self._pubsub.aclose()  # type: ignore[no-untyped-call]
            self._pubsub = self._redis.pubsub()
            with suppress(*STORE_AWAY):  # then reading fails at once, and this is tried again
                await self._pubsub.ssubscribe(_IDLE_CHANNEL, *map(_channel, self._connections))

    def _confirm(self, message: Mapping[str, Any]) -> None:
        person = message["channel"].decode().removeprefix("to:")
        if person in self._confirmed:
            self._confirmed[person].set()

    def _deliver(self, message: Mapping[str, Any]) -> None:
        person = message["channel"].decode().removeprefix("to:")
        text = message["data"].decode()
        ended = text == _SESSION_ENDED
        for connection in self._connections.get(person, ()):
            connection.send(text)
            if ended:
                connection.end(NOT_SIGNED_IN, "the session has ended")
