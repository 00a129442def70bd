"""Deleting an account deletes all that is known of a person, wherever it is stored."""

import asyncio
from datetime import UTC, datetime

import httpx
from anyio import to_thread
from bson import json_util

from reference_app.accounts.service import account_service_on
from reference_app.app import open_platform
from reference_app.photos.images import file_names
from reference_app.photos.store import media_key
from reference_app.platform import Platform
from reference_app.platform.redis import text
from reference_app.stack import LocalStack
from reference_app.worker import ACCOUNT_AGE_MIN, tidy
from tests.reference_app.conftest import Somebody, ask_for_session, frame, sign_in_with
from tests.reference_app.test_chat import matched
from tests.reference_app.test_discovery import alone_together, deck, ids
from tests.waiting import eventually


async def traces(platform: Platform, person: Somebody) -> list[str]:
    """Where a person's id or photos are still found: every collection, every key of Redis, every object."""
    found = []
    for name in await platform.db.list_collection_names():
        async for document in platform.db[name].find():
            if person.id in json_util.dumps(document):
                found.append(f"MongoDB {name}")
    for key in [text(key) for key in await platform.redis.keys("*")]:
        if person.id in f"{key} {await value_of(platform, key)}":
            found.append(f"Redis {key}")
    objects = platform.objects
    pages = objects.s3.get_paginator("list_objects_v2").paginate(Bucket=objects.bucket)
    keys = await to_thread.run_sync(lambda: [o["Key"] for page in pages for o in page.get("Contents", [])])
    return found + [f"S3 {key}" for key in keys if person.id in key]  # the population's photos carry their owner's id


async def value_of(platform: Platform, key: str) -> str:
    match text(await platform.redis.type(key)):
        case "string":
            return repr(await platform.redis.get(key))
        case "set":
            return repr(await platform.redis.smembers(key))
        case "zset":
            return repr(await platform.redis.zrange(key, 0, -1))
        case "none":  # expired meanwhile
            return ""
        case kind:
            raise AssertionError(f"{key} is a {kind}")


async def test_deleting_an_account_leaves_no_trace(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    match = await matched(anna, ben)
    for person in (anna, ben):
        await person.http.post(f"/matches/{match}/messages", json={"id": f"from-{person.id}", "text": "Hi"})
    await anna.http.get("/discovery")
    await anna.http.put("/devices", json={"token": f"token-of-{anna.id}", "system": "ios"})
    await ben.http.put(f"/blocks/{anna.id}")
    await ben.http.post("/reports", json={"person_id": anna.id, "reason": "other"})
    await anna.http.post("/reports", json={"person_id": ben.id, "reason": "other"})
    url = (await anna.http.get("/me")).json()["photos"][0]["card_url"]
    async with httpx.AsyncClient(base_url=stack.host) as cdn, open_platform(stack.settings) as platform:
        assert (await cdn.get(url)).status_code == 200
        async with anna.socket() as annas:
            assert (await anna.http.delete("/me")).status_code == 202
            assert (await frame(annas))["type"] == "session_ended"
        # At once: signed out, and seen by nobody.
        assert (await anna.http.get("/me")).status_code == 401
        assert (await ben.http.get(f"/profiles/{anna.id}")).status_code == 404
        # Soon: nothing is left but that there was an account and a match. Decks of others may name somebody whom they
        # no longer show, for half an hour.
        await eventually(lambda: of_others_decks_apart(platform, anna), ["MongoDB accounts", "MongoDB matches"])
        assert (await cdn.get(url)).status_code == 404
        # What requests that were under way when the worker erased have stored since.
        await platform.db.messages.insert_one({"match_id": match, "seq": 9, "client_id": "late", "sender": ben.id})
        await platform.db.swipes.insert_one(
            {"swiper": ben.id, "target": anna.id, "like": True, "at": datetime.now(UTC)}
        )
        await account_service_on(platform).auth.put_session("late", anna.id, ttl_s=600)
        # Later: nothing.
        await tidy(account_service_on(platform), datetime.now(UTC) + ACCOUNT_AGE_MIN)
        await eventually(lambda: of_others_decks_apart(platform, anna), [])  # the empty card, for some seconds
        assert await platform.db.messages.find_one({"match_id": match}) is None
        assert await platform.db.reports.find_one({"reported": ben.id}) is not None
        await platform.db.reports.delete_many({"reported": ben.id})


async def of_others_decks_apart(platform: Platform, person: Somebody) -> list[str]:
    return sorted(trace for trace in await traces(platform, person) if not trace.startswith("Redis deck:"))


async def test_somebody_who_is_gone_cannot_be_liked_from_an_old_deck(anna: Somebody, ben: Somebody) -> None:
    await alone_together(anna, ben)
    assert ids(await deck(anna)) == [ben.id]
    await ben.http.delete("/me")
    assert (await anna.swipe(ben)).status_code == 404
    assert ids(await deck(anna)) == []


async def test_the_phone_number_is_free_for_a_new_account(anna: Somebody) -> None:
    await anna.http.delete("/me")
    again = await sign_in_with(anna.backend, anna.phone)
    assert again.id != anna.id
    assert (await again.http.get("/me")).json()["name"] == ""
    await again.http.delete("/me")
    await again.http.aclose()


async def test_a_deletion_of_which_no_job_tells_is_found(anna: Somebody, stack: LocalStack) -> None:
    async with open_platform(stack.settings) as platform:
        accounts = account_service_on(platform)
        await accounts.store.mark_deleted(anna.id)  # and then the app dies
        # Twice at once: the job of an app that did not die, and the sweep.
        await asyncio.gather(tidy(accounts, datetime.now(UTC) + ACCOUNT_AGE_MIN), accounts.erase(anna.id))
        assert await platform.db.accounts.find_one({"_id": anna.id}) is None
        for name in file_names():
            assert not await platform.objects.exists(media_key(f"{anna.id}00", name))


async def test_a_suspended_person_cannot_delete_the_traces(anna: Somebody, stack: LocalStack) -> None:
    async with open_platform(stack.settings) as platform:
        await account_service_on(platform).suspend(anna.id)
    assert (await anna.http.delete("/me")).status_code == 401
    assert (await ask_for_session(anna.backend, anna.phone)).status_code == 403
