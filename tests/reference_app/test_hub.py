"""Who listens hears everything, however quickly sockets come and go."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from reference_app.chat.connection import Connection
from reference_app.chat.events import TypingEvent
from reference_app.chat.hub import Fanout, Hub
from reference_app.chat.presence import Presence
from reference_app.platform import Channels, Redis
from reference_app.platform.redis import connection
from reference_app.settings import Settings
from reference_app.stack import LocalStack, stores
from reference_app.stack.process import free_port
from tests.waiting import eventually


@dataclass
class FakeSocket:
    """What a phone would read."""

    read: list[str] = field(default_factory=list)

    async def send_text(self, text: str) -> None:
        self.read.append(text)


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Three nodes."""
    folder, ports = tmp_path_factory.mktemp("cluster"), [free_port() for _ in range(3)]
    with ExitStack() as stopping:
        for number, port in enumerate(ports):
            node = stores.valkey(folder, number, port, "100mb", clustered=True)
            node.start()
            stopping.callback(node.stop)
            node.wait_ready()
        yield stores.form_cluster(ports)


@pytest.fixture(params=["one Redis", "cluster"])
def settings(request: pytest.FixtureRequest, stack: LocalStack) -> Settings:
    if request.param == "one Redis":
        return stack.settings
    url = request.getfixturevalue("cluster_url")
    return stack.settings.model_copy(update={"redis_url": url, "redis_cluster": True})


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


async def has_read(socket: FakeSocket, event: TypingEvent) -> bool:
    return event.model_dump_json() in socket.read
