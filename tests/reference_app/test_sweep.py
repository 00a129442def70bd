"""A match that a crash left undetected is found by the worker's sweep, once."""

from datetime import UTC, datetime, timedelta

from reference_app.app import open_platform
from reference_app.pairs import match_id
from reference_app.stack import LocalStack
from reference_app.swipes.schemas import Kind
from reference_app.swipes.service import matchmaker_on
from reference_app.swipes.store import SwipeStore
from tests.reference_app.conftest import Somebody, frame


async def test_the_sweep_makes_the_missing_match_and_tells_both(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    async with open_platform(stack.settings) as platform:
        store = SwipeStore.on(platform)
        # As if the app had died between acknowledging the likes and looking at them.
        now, minute = datetime.now(UTC), timedelta(minutes=1)
        await store.put(anna.id, ben.id, Kind.LIKE, now)
        await store.put(ben.id, anna.id, Kind.LIKE, now)
        async with anna.socket() as annas, ben.socket() as bens:
            for _ in range(2):
                await matchmaker_on(platform).sweep(now - minute, now + minute)
            assert (await frame(annas))["match_id"] == match_id(anna.id, ben.id)
            assert (await frame(bens))["match_id"] == match_id(anna.id, ben.id)
            await annas.send('{"type":"ping"}')
            assert (await frame(annas))["type"] == "pong"
