"""A match that a crash left undetected is found by the worker's sweep, once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from reference_app.app import open_platform
from reference_app.pairs import match_id
from reference_app.stack import LocalStack
from reference_app.swipes.schemas import Kind
from reference_app.swipes.service import matchmaker_on
from reference_app.swipes.store import SwipeStore
from tests.reference_app.conftest import Somebody, frame
from tests.waiting import eventually


async def both_like(store: SwipeStore, one: Somebody, other: Somebody, at: datetime) -> None:
    """As if the app had died between acknowledging the likes and looking at them."""
    await store.put(one.id, other.id, Kind.LIKE, at)
    await store.put(other.id, one.id, Kind.LIKE, at)


async def test_the_sweep_makes_the_missing_match_and_tells_both(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    async with open_platform(stack.settings) as platform:
        store = SwipeStore.on(platform)
        now, minute = datetime.now(UTC), timedelta(minutes=1)
        await both_like(store, anna, ben, now)
        async with anna.socket() as annas, ben.socket() as bens:
            for _ in range(2):
                await matchmaker_on(platform).sweep(now - minute, now + minute)
            assert (await frame(annas))["match_id"] == match_id(anna.id, ben.id)
            assert (await frame(bens))["match_id"] == match_id(anna.id, ben.id)
            await annas.send('{"type":"ping"}')
            assert (await frame(annas))["type"] == "pong"


async def test_the_sweep_tells_of_a_match_whose_maker_died_before(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    async with open_platform(stack.settings) as platform:
        matchmaker = matchmaker_on(platform)
        await both_like(matchmaker.store, anna, ben, now)
        await matchmaker.store.put_match(anna.id, ben.id, now)
        async with anna.socket() as annas:
            for _ in range(2):
                await matchmaker.sweep(now - minute, now + minute)
            assert (await frame(annas))["match_id"] == match_id(anna.id, ben.id)
            await annas.send('{"type":"ping"}')
            assert (await frame(annas))["type"] == "pong"


@pytest.mark.slow
async def test_what_was_liked_while_no_worker_ran_is_looked_at(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    async with open_platform(stack.settings) as platform:
        store = SwipeStore.on(platform)
        await both_like(store, anna, ben, long_ago)
        worker = stack.server("worker")
        await asyncio.to_thread(worker.stop)
        # A first worker notes at once how far it has come: it may be the next moment's outage.
        await platform.db.sweeps.delete_many({})
        worker.start()
        await eventually(lambda: platform.db.sweeps.count_documents({}), 1)
        await asyncio.to_thread(worker.stop)
        back = {"$set": {"until": long_ago - timedelta(minutes=1)}}
        await platform.db.sweeps.update_one({"_id": "likes"}, back, upsert=True)
        worker.start()
        await asyncio.to_thread(worker.wait_ready)

        async def matched() -> bool:
            return await platform.db.matches.find_one({"_id": match_id(anna.id, ben.id)}) is not None

        await eventually(matched, True)
