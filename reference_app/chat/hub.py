"""Fan-out between processes: whoever holds a person's socket hears what anybody sends to that person.

One channel a person. Frames may be lost (a wiped or restarted Redis): clients catch up over REST.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from reference_app.chat.connection import NOT_SIGNED_IN, Connection
from reference_app.chat.events import Event, SessionEnded
from reference_app.chat.presence import Presence
from reference_app.platform import STORE_AWAY, Channels, Platform, metrics

log = logging.getLogger(__name__)
RETRY_S = 0.5
CONFIRMED_WITHIN_S = 5.0
_PREFIX = "to:"
_END = "end:"  # what no frame begins with: for the processes, not for the phones
_SESSION_ENDED = SessionEnded().model_dump_json()


def channel_of(person: str) -> str:
    return f"{_PREFIX}{person}"


@dataclass(frozen=True)
class Fanout:
    """The sending side. What it sends is stored already: when Redis is away, REST has to tell it."""

    channels: Channels
    presence: Presence

    @classmethod
    def on(cls, platform: Platform) -> "Fanout":
        return cls(platform.channels, Presence.on(platform))

    async def send(self, events: Mapping[str, Event]) -> set[str]:
        """Send each person their event. Returns those who have a socket somewhere."""
        try:
            frames = {channel_of(person): event.model_dump_json() for person, event in events.items()}
            reached = await self.channels.publish(frames)
            if not self.channels.sharded:  # then the counts are of one node only
                reached = [int(online) for online in await self.presence.online(list(events))]
        except STORE_AWAY as error:
            log.warning("Not sent over sockets: %s", error)
            return set()
        return {person for person, sockets in zip(events, reached, strict=True) if sockets}

    async def end_session(self, person: str, session: str = "") -> None:
        """Close the sockets of a session that has ended; of all sessions of the person, when none is named."""
        try:
            await self.channels.publish({channel_of(person): _END + session})
        except STORE_AWAY as error:
            log.warning("Sockets of an ended session will be closed when they are looked at: %s", error)


class Hub:
    """The receiving side: the sockets that this process holds."""

    def __init__(self, channels: Channels) -> None:
        self._subscription = channels.subscription()
        self._connections: defaultdict[str, set[Connection]] = defaultdict(set)
        self._confirmed: dict[str, asyncio.Event] = {}
        self._subscribing = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._subscription.open()
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        if self._reader:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._subscription.close()

    @property
    def reading(self) -> bool:
        """Whether events from Redis can arrive."""
        return self._reader is not None and not self._reader.done()

    async def add(self, person: str, connection: Connection) -> None:
        """Returns when events for the person arrive here. Raises TimeoutError or what Redis raises when it is away."""
        async with self._subscribing:
            confirmed = self._confirmed.setdefault(person, asyncio.Event())
            if not self._connections.get(person):
                await self._subscription.add(channel_of(person))
            self._connections[person].add(connection)
        metrics.SOCKETS.inc()
        async with asyncio.timeout(CONFIRMED_WITHIN_S):
            await confirmed.wait()

    async def remove(self, person: str, connection: Connection) -> None:
        async with self._subscribing:
            if connection not in self._connections.get(person, ()):
                return
            self._connections[person].discard(connection)
            metrics.SOCKETS.dec()
            if self._connections[person]:
                return
            del self._connections[person]
            self._confirmed.pop(person, None)
            with suppress(Exception):  # a channel too many costs nothing; the next new start drops it
                await self._subscription.remove(channel_of(person))

    async def _read(self) -> None:
        while True:
            try:
                await self._subscription.listen(self._handle)
            except Exception as error:  # whatever it was, nobody hears anything until it is mended
                log.warning("Subscriptions are lost (%s: %s); starting anew", type(error).__name__, error)
            await asyncio.sleep(RETRY_S)
            await self._start_anew()

    async def _start_anew(self) -> None:
        """A fresh subscription to everybody who is here; the old one may be in any state."""
        async with self._subscribing:
            await self._subscription.close()
            try:
                await self._subscription.open(map(channel_of, self._connections))
            except Exception as error:
                log.warning("Not subscribed anew yet (%s: %s)", type(error).__name__, error)
                await self._subscription.close()  # with nothing to read this is tried again at once

    def _handle(self, channel: str, data: str | None) -> None:
        person = channel.removeprefix(_PREFIX)
        if data is None:
            if person in self._confirmed:
                self._confirmed[person].set()
            return
        connections = self._connections.get(person, ())
        if not data.startswith(_END):
            for connection in connections:
                connection.send(data)
            return
        session = data.removeprefix(_END)
        for connection in connections:
            if session in ("", connection.session):
                connection.send(_SESSION_ENDED)
                connection.end(NOT_SIGNED_IN, "the session has ended")
