"""Who listens hears everything, however quickly sockets come and go."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis as SingleRedis

from reference_app.chat.connection import Connection
from reference_app.chat.events import TypingEvent
from reference_app.chat.hub import Fanout, Hub
from reference_app.chat.presence import Presence
from reference_app.platform import Channels, Redis
from reference_app.platform.redis import connection
from reference_app.settings import Settings
from reference_app.stack import stores
from reference_app.stack.process import free_port
from tests.waiting import eventually


@dataclass
class FakeSocket:
    """What a phone would read."""

    read: list[str] = field(default_factory=list)

    async def send_text(self, text: str) -> None:
        self.read.append(text)


@pytest.fixture(scope="module", params=[1, 3], ids=["one Redis", "cluster"])
def ports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """A Redis of our own, or three that make a cluster."""
    folder, ports = tmp_path_factory.mktemp("redis"), [free_port() for _ in range(request.param)]
    with ExitStack() as stopping:
        for number, port in enumerate(ports):
            node = stores.valkey(folder, number, port, "100mb", clustered=len(ports) > 1)
            node.start()
            stopping.callback(node.stop)
            node.wait_ready()
        if len(ports) > 1:
            stores.form_cluster(ports)
        yield ports


@pytest.fixture
def settings(ports: list[int]) -> Settings:
    return Settings(redis_url=f"redis://127.0.0.1:{ports[0]}/0", redis_cluster=len(ports) > 1)


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    async with connection(settings) as redis:
        yield redis


@pytest.fixture(params=[True, False], ids=["sharded", "plain"])
def channels(request: pytest.FixtureRequest, settings: Settings, redis: Redis) -> Channels:
    return Channels(settings.model_copy(update={"sharded_channels": request.param}), redis)


@pytest.fixture
async def hub(channels: Channels) -> AsyncIterator[Hub]:
    hub = Hub(channels)
    await hub.start()
    yield hub
    await hub.stop()


async def test_a_phone_that_comes_back_at_once_is_heard(
    hub: Hub, channels: Channels, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    presence = Presence(redis, ttl_s=60)
    fanout = Fanout(channels, presence)
    for turn in range(100):
        person, event = f"person-{turn % 7}", TypingEvent(match_id=str(turn))  # people of all nodes
        socket: Any = FakeSocket()
        phone = Connection(socket, "session")
        phone.start()
        await hub.add(person, phone)
        await presence.seen(person, phone.id)
        assert await fanout.send({person: event, "nobody": event}) == {person}
        if turn % 3 == 0:  # the others have gone before it comes
            await eventually(partial(has_read, socket, event), True)
        await hub.remove(person, phone)
        await presence.gone(person, phone.id)
        await phone.stop()
    # Not by starting anew: that would unsubscribe everybody for a moment.
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_lost_connection_is_noticed(
    hub: Hub, channels: Channels, redis: Redis, ports: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """The client connects again by itself, and says nothing: what was confirmed before holds no more."""
    fanout = Fanout(channels, Presence(redis, ttl_s=60))
    people = [f"person-{number}" for number in range(7)]
    sockets: dict[str, Any] = {person: FakeSocket() for person in people}
    phones = {person: Connection(socket, "session") for person, socket in sockets.items()}
    for person, phone in phones.items():
        phone.start()
        await hub.add(person, phone)
    for port in ports:
        async with SingleRedis(port=port) as node:
            await node.client_kill_filter(_type="pubsub")
    await eventually(lambda: said(caplog, "starting anew"), True)

    async def heard(person: str) -> bool:
        await fanout.send({person: TypingEvent(match_id="m")})
        return bool(sockets[person].read)

    for person, phone in phones.items():
        await eventually(partial(heard, person), True)
        await hub.remove(person, phone)
        await hub.add(person, phone)  # and it is confirmed
        await hub.remove(person, phone)
        await phone.stop()


async def said(caplog: pytest.LogCaptureFixture, what: str) -> bool:
    return what in caplog.text


async def has_read(socket: FakeSocket, event: TypingEvent) -> bool:
    return event.model_dump_json() in socket.read
