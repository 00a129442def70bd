"""Fan-out between processes: whoever holds a person's socket hears what anybody sends to that person.

One channel a person. Frames may be lost (a restarted Redis, a connection that breaks): clients are told to catch up
over REST as soon as they are heard again.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from reference_app.background import end
from reference_app.chat.connection import NOT_SIGNED_IN, Connection
from reference_app.chat.events import CatchUp, Event, SessionEnded
from reference_app.chat.presence import Presence
from reference_app.platform import STORE_AWAY, Channels, Platform, metrics
from reference_app.platform.channels import RETRY_S

log = logging.getLogger(__name__)
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
            if not self.channels.counts_all:
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


@dataclass(slots=True)
class _Held:
    """What this process holds of a person. `deaf_since`: events from then on did not arrive here."""

    connections: set[Connection] = field(default_factory=set)
    confirmed: bool = False
    hoping: list[asyncio.Future[None]] = field(default_factory=list)  # until it is confirmed
    deaf_since: datetime | None = None


class Hub:
    """The receiving side: the sockets that this process holds."""

    def __init__(self, channels: Channels) -> None:
        self._subscription = channels.subscription(self)
        self._held: dict[str, _Held] = {}
        self._subscribing = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when something is heard, or it takes too long: the process is not ready then, but may become so."""
        self._reader = asyncio.create_task(self._listen())
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRMED_WITHIN_S):
                await self._subscription.ready.wait()

    async def stop(self) -> None:
        if self._reader:
            await end([self._reader], again_after_s=1)

    @property
    def reading(self) -> bool:
        """Whether events from Redis can arrive."""
        return self._reader is not None and not self._reader.done() and self._subscription.connected

    def sockets_of(self, person: str) -> int:
        """How many this process holds."""
        return len(self._held[person].connections) if person in self._held else 0

    async def add(self, person: str, connection: Connection) -> None:
        """Returns when events for the person arrive here. Raises TimeoutError or what Redis raises when it is away."""
        async with self._subscribing:
            held = self._held.setdefault(person, _Held())
            if not held.connections:
                try:
                    await self._subscription.add(channel_of(person))
                except BaseException:
                    del self._held[person]
                    raise
            held.connections.add(connection)
        metrics.SOCKETS.inc()
        if not held.confirmed:
            confirmed = asyncio.get_running_loop().create_future()
            held.hoping.append(confirmed)
            async with asyncio.timeout(CONFIRMED_WITHIN_S):
                await confirmed

    async def remove(self, person: str, connection: Connection) -> None:
        async with self._subscribing:
            held = self._held.get(person)
            if held is None or connection not in held.connections:
                return
            held.connections.discard(connection)
            metrics.SOCKETS.dec()
            if held.connections:
                return
            del self._held[person]
            with suppress(Exception):  # then the connection is lost, and made anew without this channel
                await self._subscription.remove(channel_of(person))

    async def _listen(self) -> None:
        while True:
            try:
                await self._subscription.listen()
            except Exception as error:  # whatever it was, nobody hears anything until it is mended
                log.warning("Subscriptions are lost (%s: %s); starting anew", type(error).__name__, error)
            await asyncio.sleep(RETRY_S)

    # What the subscription tells.

    def heard(self, channel: str, message: str) -> None:
        connections = self._connections(channel)
        if not message.startswith(_END):
            for connection in connections:
                connection.send(message)
            return
        session = message.removeprefix(_END)
        for connection in connections:
            if session in ("", connection.session):
                connection.send(_SESSION_ENDED)
                connection.end(NOT_SIGNED_IN, "the session has ended")

    def confirmed(self, channel: str) -> None:
        held = self._held.get(channel.removeprefix(_PREFIX))
        if held is None:
            return
        held.confirmed = True
        for hoping in held.hoping:
            if not hoping.done():  # whoever waited has been cancelled
                hoping.set_result(None)
        held.hoping.clear()
        if held.deaf_since:
            missed = CatchUp(since=held.deaf_since).model_dump_json()
            held.deaf_since = None
            for connection in held.connections:
                connection.send(missed)

    def lost(self, channels: Iterable[str], since: datetime) -> None:
        for channel in channels:
            if held := self._held.get(channel.removeprefix(_PREFIX)):
                held.confirmed = False
                held.deaf_since = held.deaf_since or since

    def _connections(self, channel: str) -> Iterable[Connection]:
        held = self._held.get(channel.removeprefix(_PREFIX))
        return held.connections if held else ()
