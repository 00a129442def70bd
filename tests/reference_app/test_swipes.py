"""Undo, and how many likes a day has."""

import asyncio
from datetime import datetime

import pytest

from reference_app.app import open_platform
from reference_app.platform.mongo import now
from reference_app.stack import LocalStack
from reference_app.swipes.allowance import Allowance, allowance_key, allowance_keys
from reference_app.swipes.schemas import Kind
from reference_app.swipes.store import SwipeStore
from tests.reference_app.conftest import Somebody
from tests.reference_app.test_chat import matched
from tests.reference_app.test_discovery import deck, ids


async def likes(person: Somebody, others: list[str], kind: str = "like") -> list[int]:
    """The statuses of liking all of them at once."""
    answers = [person.http.post("/swipes", json={"target_id": other, "kind": kind}) for other in others]
    return [answer.status_code for answer in await asyncio.gather(*answers)]


async def people(stack: LocalStack, person: Somebody, count: int) -> list[str]:
    async with open_platform(stack.settings) as platform:
        found = platform.db.profiles.find({"_id": {"$ne": person.id}, "hidden": None, "name": {"$ne": ""}}, {"_id": 1})
        return [profile["_id"] for profile in await found.limit(count).to_list(count)]


async def test_a_swipe_that_was_taken_back_can_be_made_anew(anna: Somebody, ben: Somebody) -> None:
    await anna.swipe(ben, "pass")
    assert (await anna.http.delete(f"/swipes/{ben.id}")).status_code == 204
    assert (await anna.http.delete(f"/swipes/{ben.id}")).status_code == 404
    assert (await anna.swipe(ben, "like")).json()["kind"] == "like"
    # The like that counts is the new one.
    await matched(ben, anna)


async def test_a_match_cannot_be_taken_back(anna: Somebody, ben: Somebody) -> None:
    await matched(anna, ben)
    refused = await anna.http.delete(f"/swipes/{ben.id}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


async def test_a_like_that_was_taken_back_makes_no_match(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    """Undo and the other's like at the same moment: either the undo is refused, or there is no match."""
    for _ in range(10):
        await anna.swipe(ben)
        undone, _ = await asyncio.gather(anna.http.delete(f"/swipes/{ben.id}"), ben.swipe(anna))
        if undone.status_code == 409:
            break
        assert (await anna.http.get("/matches")).json()["matches"] == []
        assert (await ben.http.delete(f"/swipes/{anna.id}")).status_code == 204
    else:
        await matched(anna, ben)  # the undo was faster each time: a like still makes a match


async def test_likes_end_at_the_daily_limit_and_passes_do_not(anna: Somebody, stack: LocalStack) -> None:
    limit = stack.settings.likes_per_day
    others = await people(stack, anna, limit + 12)
    assert sorted(await likes(anna, others[: limit + 10])) == [201] * limit + [429] * 10
    refused = await anna.http.post("/swipes", json={"target_id": others[-1], "kind": "like"})
    assert refused.json()["error"]["code"] == "likes_used_up"
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert (await anna.http.post("/swipes", json={"target_id": others[-1], "kind": "pass"})).status_code == 201


async def test_a_retry_uses_up_no_like_and_an_undo_gives_none_back(anna: Somebody, stack: LocalStack) -> None:
    limit = stack.settings.super_likes_per_day
    others = await people(stack, anna, limit + 1)
    await likes(anna, [others[0]] * (limit + 3), "super_like")
    assert await likes(anna, others[1:limit], "super_like") == [201] * (limit - 1)
    assert await likes(anna, others[limit:], "super_like") == [429]
    # A retry of what stands is answered though nothing is left.
    assert await likes(anna, others[:limit], "super_like") == [201] * limit
    # Else liking and undoing would find everybody who likes somebody, and send each a notification, at no cost.
    assert (await anna.http.delete(f"/swipes/{others[0]}")).status_code == 204
    assert await likes(anna, others[limit:], "super_like") == [429]


async def test_a_like_that_is_refused_stays_in_the_deck(anna: Somebody, stack: LocalStack) -> None:
    shown = ids(await deck(anna))
    limit = stack.settings.super_likes_per_day
    assert await likes(anna, shown[1 : limit + 1], "super_like") == [201] * limit
    assert await likes(anna, shown[:1], "super_like") == [429]
    assert ids(await deck(anna))[:2] == [shown[0], shown[limit + 1]]


async def test_a_failure_uses_up_no_like(anna: Somebody, stack: LocalStack) -> None:
    async with open_platform(stack.settings) as platform:
        failing = Failing(platform.db, platform.commits)
        allowance = Allowance(platform.redis, failing, {Kind.LIKE: 2})
        with pytest.raises(ConnectionError):
            await allowance.take(anna.id, Kind.LIKE, now())
        # Else this would count from one, whatever MongoDB has.
        assert not await platform.redis.exists(allowance_key(anna.id, Kind.LIKE))


class Failing(SwipeStore):
    async def count(self, swiper: str, kind: Kind, since: datetime, until: datetime) -> int:
        raise ConnectionError


async def test_the_limit_holds_though_redis_was_wiped(anna: Somebody, stack: LocalStack) -> None:
    limit = stack.settings.super_likes_per_day
    others = await people(stack, anna, limit + 1)
    assert await likes(anna, others[:limit], "super_like") == [201] * limit
    async with open_platform(stack.settings) as platform:
        assert await platform.redis.delete(*allowance_keys(anna.id)) == 1
    assert await likes(anna, others[limit:], "super_like") == [429]
