"""Inserts that arrive together are committed together, and each learns what became of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError, WriteConcernError

from reference_app.app import open_platform
from reference_app.platform import Platform
from reference_app.platform.group_commit import GroupCommit, _by_document
from reference_app.stack import LocalStack


@pytest.fixture(params=["pymongo", "motor"])
async def platform(request: pytest.FixtureRequest, stack: LocalStack) -> AsyncIterator[Platform]:
    async with open_platform(stack.settings.model_copy(update={"mongo_driver": request.param})) as platform:
        await platform.db.grouped.drop()
        yield platform
        await platform.db.grouped.drop()


class Watched:
    """A collection whose `insert_many` waits until it may go on."""

    def __init__(self, collection: Any) -> None:
        self.name = collection.name
        self.groups: list[int] = []
        self.go_on = asyncio.Event()
        self._collection = collection

    async def insert_many(self, documents: list[Any], ordered: bool) -> Any:
        self.groups.append(len(documents))
        await self.go_on.wait()
        return await self._collection.insert_many(documents, ordered=ordered)


async def test_what_arrives_while_one_is_under_way_goes_together(platform: Platform) -> None:
    collection: Any = Watched(platform.db.grouped)
    commit = GroupCommit(collection, grouped=True)
    inserts = [asyncio.create_task(commit.insert_one({"_id": 0}))]
    await asyncio.sleep(0)  # the first goes at once
    await asyncio.sleep(0)
    inserts += [asyncio.create_task(commit.insert_one({"_id": number})) for number in range(1, 100)]
    await asyncio.sleep(0)
    collection.go_on.set()
    await asyncio.gather(*inserts)
    await commit.drain()
    assert collection.groups == [1, 99]
    assert await platform.db.grouped.count_documents({}) == 100


async def test_a_duplicate_fails_alone(platform: Platform) -> None:
    commit = GroupCommit(platform.db.grouped, grouped=True)
    outcome = await asyncio.gather(
        *(commit.insert_one({"_id": number % 10, "at": number}) for number in range(20)), return_exceptions=True
    )
    assert [type(error) for error in outcome] == [type(None)] * 10 + [DuplicateKeyError] * 10
    assert all(isinstance(e, DuplicateKeyError) and (e.details or {})["keyPattern"] == {"_id": 1} for e in outcome[10:])
    assert await platform.db.grouped.count_documents({}) == 10


async def test_who_does_not_wait_any_more_holds_up_nobody(platform: Platform) -> None:
    commit = GroupCommit(platform.db.grouped, grouped=True)
    first, second = (asyncio.create_task(commit.insert_one({"_id": number})) for number in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    await commit.insert_one({"_id": 2})
    await commit.drain()
    # Cancelled is not undone: what was on its way has arrived.
    assert await platform.db.grouped.count_documents({}) == 3


async def test_a_store_that_is_away_is_everybodys_error(platform: Platform) -> None:
    class Away:
        name = "grouped"

        async def insert_many(self, documents: list[Any], ordered: bool) -> None:
            raise ConnectionError("gone")

    commit = GroupCommit(Away(), grouped=True)  # type: ignore[arg-type]
    outcome = await asyncio.gather(*(commit.insert_one({}) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in outcome] == ["gone"] * 3


def test_what_is_not_on_the_majority_is_acknowledged_to_nobody() -> None:
    # As a server says it whose write concern timed out; it cannot be made to here without stopping members.
    details = {
        "writeErrors": [{"index": 1, "code": 11000, "errmsg": "duplicate"}],
        "writeConcernErrors": [{"code": 64, "errmsg": "waiting for replication timed out"}],
    }
    outcome = _by_document(details, 3)
    # Not even that there is an earlier one: that may be lost, too.
    assert [type(error) for error in outcome] == [WriteConcernError] * 3
