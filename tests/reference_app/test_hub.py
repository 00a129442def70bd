"""Who listens hears everything, however quickly sockets come and go."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis as SingleRedis
from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode

from reference_app.chat.connection import Connection
from reference_app.chat.events import CatchUp, TypingEvent
from reference_app.chat.hub import Fanout, Hub, channel_of
from reference_app.chat.presence import Presence
from reference_app.platform import STORE_AWAY, Channels, Redis
from reference_app.platform.channels import PING_S
from reference_app.platform.redis import TIMEOUT_S
from reference_app.settings import Settings
from reference_app.stack import stores
from reference_app.stack.process import free_port
from tests.reference_app.conftest import Nodes
from tests.waiting import eventually


@dataclass
class FakeSocket:
    """What a phone would read."""

    read: list[str] = field(default_factory=list)

    async def send_text(self, text: str) -> None:
        self.read.append(text)


@pytest.fixture(params=[True, False], ids=["sharded", "plain"])
def channels(request: pytest.FixtureRequest, redis_settings: Settings, redis: Redis) -> Channels:
    return Channels(redis_settings.model_copy(update={"sharded_channels": request.param}), redis)


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
    sockets, phones = await come(hub, people)
    for port in ports:
        async with SingleRedis(port=port) as node:
            await node.client_kill_filter(_type="pubsub")
    await eventually(lambda: said(caplog, "Not subscribed on"), True)
    for person, phone in phones.items():
        # And its phone is told that it may have missed something.
        await eventually(partial(has_read_of, sockets[person], "catch_up"), True)
        await fanout.send({person: TypingEvent(match_id="m")})
        await eventually(partial(has_read_of, sockets[person], "typing"), True)
        await hub.remove(person, phone)
        await hub.add(person, phone)  # and it is confirmed
        await hub.remove(person, phone)
        await phone.stop()


@pytest.mark.parametrize("nodes", [3], indirect=True, ids=["cluster"])
async def test_channels_that_move_to_another_node_are_heard_there(
    ports: list[int], redis_settings: Settings, redis: Redis
) -> None:
    channels = Channels(redis_settings, redis)
    hub, fanout, cluster = Hub(channels), Fanout(channels, Presence(redis, ttl_s=60)), cast(RedisCluster, redis)
    await hub.start()
    people = [f"person-{number}" for number in range(12)]
    sockets, phones = await come(hub, people)
    slot, event = cluster.keyslot(channel_of(people[0])), TypingEvent(match_id="m")
    home = home_of(cluster, people[0])
    for to in sorted(ports, key=home.__eq__):
        for socket in sockets.values():
            socket.read.clear()
        await give(slot, to, ports)
        for person in people:
            await eventually(partial(has_read_of, sockets[person], "catch_up"), True)
            await fanout.send({person: event})
            await eventually(partial(has_read, sockets[person], event), True)
    for phone in phones.values():
        await phone.stop()
    await hub.stop()


def home_of(cluster: RedisCluster, person: str) -> int:
    """The port of the node that has a person's channel."""
    return int(node_of(cluster, channel_of(person)).port)


def node_of(cluster: RedisCluster, key: str) -> ClusterNode:
    node = cluster.get_node_from_key(key)
    assert node
    return node


async def come(hub: Hub, people: list[str]) -> tuple[dict[str, FakeSocket], dict[str, Connection]]:
    """Phones of people, heard from now on."""
    sockets: dict[str, Any] = {person: FakeSocket() for person in people}
    phones = {person: Connection(socket, "session") for person, socket in sockets.items()}
    for person, phone in phones.items():
        phone.start()
        await eventually(partial(comes, hub, person, phone), True)
    return sockets, phones


async def comes(hub: Hub, person: str, phone: Connection) -> bool:
    """Whether a phone is heard; not every node is connected at once."""
    try:
        await hub.add(person, phone)
    except STORE_AWAY:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [3], indirect=True, ids=["cluster"])
async def test_a_node_that_hangs_is_given_up(nodes: Nodes, redis: Redis) -> None:
    cluster = cast(RedisCluster, redis)
    port, node = list(nodes.items())[-1]
    key = next(f"key-{n}" for n in range(1000) if node_of(cluster, f"key-{n}").port == port)
    os.kill(node.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(3 * TIMEOUT_S):  # four tries would take longer
            with pytest.raises(STORE_AWAY):
                await redis.get(key)
    finally:
        os.kill(node.pid, signal.SIGCONT)


@pytest.mark.slow
async def test_connections_whose_nodes_hang_are_noticed(
    nodes: Nodes, hub: Hub, channels: Channels, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody closes them, and nothing comes."""
    fanout, event = Fanout(channels, Presence(redis, ttl_s=60)), TypingEvent(match_id="m")
    people = [f"person-{number}" for number in range(7)]
    sockets, phones = await come(hub, people)
    # Whoever is silent but answers pings is kept.
    await eventually(partial(silent_for, nodes, 2 * PING_S + 1), True)
    assert not await said(caplog, "Not subscribed on")

    for node in nodes.values():
        os.kill(node.pid, signal.SIGSTOP)
    try:
        await eventually(partial(deaf, hub), True)
        noticed_at = datetime.now(UTC)
    finally:
        for node in nodes.values():
            os.kill(node.pid, signal.SIGCONT)
    for person, phone in phones.items():
        await eventually(partial(has_read_of, sockets[person], "catch_up"), True)
        since = CatchUp.model_validate_json(next(frame for frame in sockets[person].read if "catch_up" in frame)).since
        assert since < noticed_at - timedelta(seconds=PING_S), "from its last sign of life on"
        await fanout.send({person: event})
        await eventually(partial(has_read, sockets[person], event), True)
        await phone.stop()


async def silent_for(nodes: Nodes, seconds: float) -> bool:
    """Whether the subscriptions of these nodes, and there is one, are as old as that, and have said a ping last."""
    clients = []
    for port in nodes:
        async with SingleRedis(port=port) as node:
            clients += await node.client_list("pubsub")
    return bool(clients) and all(int(client["age"]) > seconds and client["cmd"] == "ping" for client in clients)


async def deaf(hub: Hub) -> bool:
    return not hub.reading


@pytest.mark.parametrize("nodes", [3], indirect=True, ids=["cluster"])
async def test_a_node_that_is_new_is_heard(
    ports: list[int], redis_settings: Settings, redis: Redis, tmp_path: Path
) -> None:
    """It was not there when the hub began to listen, and nobody whom the hub listens to moves there."""
    channels, person, event = Channels(redis_settings, redis), "person-0", TypingEvent(match_id="m")
    hub, fanout = Hub(channels), Fanout(channels, Presence(redis, ttl_s=60))
    await hub.start()
    cluster = cast(RedisCluster, redis)
    slot, home, port = cluster.keyslot(channel_of(person)), home_of(cluster, person), free_port()
    new = stores.valkey(tmp_path, len(ports), port, "100mb", clustered=True)
    new.start()
    try:
        new.wait_ready()
        bus = int((await tell(port, "CONFIG GET", "cluster-port"))["cluster-port"])
        await tell(home, "CLUSTER MEET", "127.0.0.1", port, bus)
        for known in (*ports, port):
            await eventually(partial(nodes_known, known), len(ports) + 1)
        await give(slot, port, ports)
        await fanout.send({person: event})  # this client is told where it is, too
        socket: Any = FakeSocket()
        phone = Connection(socket, "session")
        phone.start()
        await eventually(partial(comes, hub, person, phone), True)
        await fanout.send({person: event})
        await eventually(partial(has_read, socket, event), True)
        await phone.stop()
    finally:
        await hub.stop()
        await give(slot, home, [*ports, port])
        name = await tell(port, "CLUSTER MYID")
        new.stop()
        for known in ports:
            await tell(known, "CLUSTER FORGET", name)


async def tell(port: int, command: str, *arguments: Any) -> Any:
    async with SingleRedis(port=port, decode_responses=True) as node:
        return await node.execute_command(command, *arguments)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped


async def nodes_known(port: int) -> int:
    return sum(state["connected"] for state in (await tell(port, "CLUSTER NODES")).values())


async def give(slot: int, to: int, others: list[int]) -> None:
    """A slot without keys, to a node."""
    name = await tell(to, "CLUSTER MYID")
    # As an import of the slot would: without a newer epoch an older message that comes late is believed for good.
    await tell(to, "CLUSTER BUMPEPOCH")
    # The node that it goes to first: whoever asks the others is sent there.
    for port in (to, *others):
        await tell(port, "CLUSTER SETSLOT", slot, "NODE", name)


@pytest.mark.parametrize("nodes", [3], indirect=True, ids=["cluster"])
async def test_a_node_that_is_gone_is_missed_by_its_own_people_only(
    nodes: Nodes, redis_settings: Settings, redis: Redis
) -> None:
    channels = Channels(redis_settings, redis)
    hub, fanout = Hub(channels), Fanout(channels, Presence(redis, ttl_s=60))
    await hub.start()
    cluster = cast(RedisCluster, redis)
    port, node = list(nodes.items())[-1]
    people = [f"person-{number}" for number in range(12)]
    deaf, also_deaf, *_ = theirs = [p for p in people if node_of(cluster, channel_of(p)).port == port]
    people.remove(also_deaf)  # comes later
    sockets, phones = await come(hub, people)

    node.kill()
    event = TypingEvent(match_id="m")
    for person in people:
        if person not in theirs:
            await fanout.send({person: event})
            await eventually(partial(has_read, sockets[person], event), True)
    # A phone that comes now is told to try later.
    with pytest.raises((TimeoutError, *STORE_AWAY)):
        await hub.add(also_deaf, phones[deaf])
    assert hub.reading

    node.start()
    node.wait_ready()
    for person in people:
        await eventually(partial(has_read_of, sockets[person], "catch_up"), person in theirs)
        await fanout.send({person: event})
        await eventually(partial(has_read, sockets[person], event), True)
        await phones[person].stop()
    await hub.stop()


async def has_read_of(socket: FakeSocket, kind: str) -> bool:
    return any(f'"type":"{kind}"' in frame for frame in socket.read)


async def said(caplog: pytest.LogCaptureFixture, what: str) -> bool:
    return what in caplog.text


async def has_read(socket: FakeSocket, event: TypingEvent) -> bool:
    return event.model_dump_json() in socket.read
