"""An app that is told to end: what is under way is finished, and sockets are told to come back."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import websockets
from pymongo import AsyncMongoClient

from reference_app.platform.mongo import Database, Document
from reference_app.stack import LocalStack, apps
from reference_app.stack.process import ServerProcess, free_port
from tests.reference_app.conftest import Backend, frame, sign_in, somebody_unused
from tests.reference_app.test_chat import matched, message
from tests.waiting import eventually

RESTARTS = 1012


@dataclass
class Ending:
    """An app of our own, on the stack's database."""

    backend: Backend
    server: ServerProcess


@pytest.fixture
def ending(stack: LocalStack, tmp_path: Path) -> Iterator[Ending]:
    server = apps.app(tmp_path, stack.settings.as_environment(), "app-9", port := free_port())
    server.start()
    try:
        server.wait_ready()
        yield Ending(Backend(f"http://127.0.0.1:{port}", stack.settings.otp_test_secret), server)
    finally:
        server.stop()


@pytest.fixture
async def db(stack: LocalStack) -> AsyncIterator[Database]:
    client: AsyncMongoClient[Document] = AsyncMongoClient(stack.settings.mongo_url)
    async with client:
        yield client[stack.settings.mongo_database]


@asynccontextmanager
async def nothing_is_written(db: Database) -> AsyncIterator[None]:
    """Writes wait."""
    admin = db.client.admin
    await admin.command("fsync", lock=True)
    try:
        yield
    finally:
        await admin.command("fsyncUnlock")


async def inserts_that_wait(db: Database) -> int:
    waiting = {"op": "insert", "waitingForLock": True, "ns": {"$in": [f"{db.name}.swipes", f"{db.name}.messages"]}}
    stages: list[Document] = [{"$currentOp": {"allUsers": True}}, {"$match": waiting}]
    return len([operation async for operation in await db.client.admin.aggregate(stages)])


async def test_what_is_under_way_is_finished(ending: Ending, stack: LocalStack, db: Database) -> None:
    people = [await sign_in(ending.backend, somebody_unused()) for _ in range(3)]
    anna, ben, carla = people
    match = await matched(anna, ben)
    async with anna.socket() as socket:
        async with nothing_is_written(db):
            await socket.send(json.dumps(message(match)))
            swiping = [asyncio.create_task(person.swipe(carla)) for person in (anna, ben)]
            await eventually(lambda: inserts_that_wait(db), 2)  # the message; both swipes together, or the first
            ending.server.ask_to_stop()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await frame(socket)
            assert ending.server.running
        assert closed.value.rcvd
        assert closed.value.rcvd.code == RESTARTS
        assert [(await swipe).status_code for swipe in swiping] == [201, 201]
    await asyncio.to_thread(lambda: ending.server.process and ending.server.process.wait())

    # Nobody has said whether the message is kept, so its sender sends it again: to another app.
    elsewhere = Backend(stack.host, ending.backend.otp_test_secret)
    again = await sign_in(elsewhere, anna.index)
    async with again.socket() as socket:
        await socket.send(json.dumps(message(match)))
        assert await frame(socket) == {"type": "ack", "match_id": match, "id": "message-1", "seq": 1}
    history = (await again.http.get(f"/matches/{match}/messages")).json()["messages"]
    assert [kept["text"] for kept in history] == ["Hello"]
    assert await db.swipes.count_documents({"target": carla.id, "swiper": {"$in": [anna.id, ben.id]}}) == 2
    for person in (*people, again):
        await person.http.aclose()
