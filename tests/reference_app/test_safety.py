"""Blocks hide two people from each other for good; moderators decide on reports, and only they."""

import asyncio
import json

from reference_app.app import open_platform
from reference_app.platform.mongo import ensure_indexes
from reference_app.safety.store import REPORTS_OPEN_MAX, SafetyStore
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody, ask_for_session, frame
from tests.reference_app.test_chat import matched
from tests.reference_app.test_discovery import alone_together, deck, ids
from tests.reference_app.test_swipes import people


async def test_a_block_hides_both_from_each_other(anna: Somebody, ben: Somebody) -> None:
    await alone_together(anna, ben)
    assert (ids(await deck(anna)), ids(await deck(ben))) == ([ben.id], [anna.id])
    assert (await anna.http.put(f"/blocks/{ben.id}")).status_code == 204
    assert (await anna.http.get("/blocks")).json() == {"person_ids": [ben.id]}
    for one, other in ((anna, ben), (ben, anna)):
        assert await deck(one) == []
        assert (await one.http.get(f"/profiles/{other.id}")).status_code == 404
    # Nor do they see each other in a deck that is computed anew.
    await alone_together(anna, ben)
    assert (await deck(anna), await deck(ben)) == ([], [])


async def test_a_block_ends_the_match_and_none_comes_after_it(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    async with ben.socket() as bens:
        await anna.http.put(f"/blocks/{ben.id}")
        assert await frame(bens) == {"type": "unmatch", "match_id": match}
        await bens.send(json.dumps({"type": "message", "match_id": match, "id": "message-1", "text": "Why?"}))
        assert (await frame(bens))["code"] == "not_found"


async def test_likes_around_a_block_make_no_match(anna: Somebody, ben: Somebody) -> None:
    await ben.swipe(anna)
    await anna.http.put(f"/blocks/{ben.id}")
    await anna.http.delete(f"/blocks/{ben.id}")
    async with ben.socket() as bens:
        assert (await anna.swipe(ben)).status_code == 201
        await bens.send('{"type":"ping"}')
        assert (await frame(bens))["type"] == "pong"
    assert (await ben.http.get("/matches")).json()["matches"] == []


async def test_nobody_blocks_or_reports_themselves_or_nobody(anna: Somebody) -> None:
    assert (await anna.http.put(f"/blocks/{anna.id}")).status_code == 409
    assert (await anna.http.put("/blocks/nobody")).status_code == 404
    for person, status in ((anna.id, 409), ("nobody", 404)):
        assert (await anna.http.post("/reports", json={"person_id": person, "reason": "spam"})).status_code == status


async def test_one_person_does_not_fill_the_moderators_queue(anna: Somebody, stack: LocalStack) -> None:
    others = await people(stack, anna, REPORTS_OPEN_MAX + 1)
    reports = [{"person_id": other, "reason": "spam"} for other in others]
    answers = [(await anna.http.post("/reports", json=report)).status_code for report in reports]
    assert answers == [201] * REPORTS_OPEN_MAX + [409]
    assert (await anna.http.post("/reports", json=reports[0])).status_code == 201  # which waits already


async def test_nor_do_their_reports_at_once(anna: Somebody, stack: LocalStack) -> None:
    # In a database of its own: the moderators of the other tests see the oldest hundred.
    settings = stack.settings.model_copy(update={"mongo_database": f"of-{anna.id}"})
    async with open_platform(settings) as platform:
        await ensure_indexes(platform.db, settings)
        store = SafetyStore(platform.db)
        others = [f"person-{number}" for number in range(2 * REPORTS_OPEN_MAX)]
        taken = await asyncio.gather(*(store.put_report(anna.id, other, "spam", "") for other in others))
        waiting = {str(report["_id"]) for report in await store.open_reports(len(others))}
        await platform.db.client.drop_database(platform.db.name)
    assert waiting == {report_id for report_id in taken if report_id}
    assert len(waiting) <= REPORTS_OPEN_MAX


async def test_a_report_shows_the_conversation_and_closes_the_account(
    anna: Somebody, ben: Somebody, moderator: Somebody
) -> None:
    match = await matched(anna, ben)
    device = (await ben.http.put("/devices", json={"token": f"phone-of-{ben.id}", "system": "ios"})).json()["id"]
    await ben.http.post(f"/matches/{match}/messages", json={"id": "message-1", "text": "Buy my pills!"})
    body = {"person_id": ben.id, "reason": "spam", "note": "Sells pills."}
    reports = {(await anna.http.post("/reports", json=body)).json()["id"] for _ in range(2)}
    (report_id,) = reports
    waiting = {r["id"]: r for r in (await moderator.http.get("/moderation/queue?limit=100")).json()["reports"]}
    assert waiting[report_id]["reported"]["id"] == ben.id
    assert [m["text"] for m in waiting[report_id]["conversation"]] == ["Buy my pills!"]

    async with ben.socket() as bens:
        decision = {"suspend": True, "note": "Clear."}
        decided = await moderator.http.post(f"/moderation/reports/{report_id}", json=decision)
        assert decided.status_code == 204
        assert (await frame(bens))["type"] == "session_ended"
        await bens.wait_closed()
        assert bens.close_code == 4401
    assert (await ben.http.get("/me")).status_code == 401
    assert (await anna.http.get(f"/profiles/{ben.id}")).status_code == 404
    assert ben.id not in [m["with_profile"]["id"] for m in (await anna.http.get("/matches")).json()["matches"]]
    assert (await ask_for_session(ben.backend, ben.phone)).json()["error"]["code"] == "suspended"
    # Decided once; and it can be lifted.
    assert (await moderator.http.post(f"/moderation/reports/{report_id}", json=decision)).status_code == 404
    assert (await moderator.http.delete(f"/moderation/suspensions/{ben.id}")).status_code == 204
    assert (await moderator.http.delete(f"/moderation/suspensions/{ben.id}")).status_code == 404
    again = await ask_for_session(ben.backend, ben.phone)
    assert again.status_code == 201
    ben.http.headers["Authorization"] = f"Bearer {again.json()['token']}"
    # What others wrote meanwhile was not pushed to the phone.
    assert (await ben.http.delete(f"/devices/{device}")).status_code == 404
    assert (await anna.http.get(f"/profiles/{ben.id}")).status_code == 200


async def test_only_moderators_moderate(anna: Somebody) -> None:
    for method, path, body in (
        ("GET", "/moderation/queue", None),
        ("POST", "/moderation/photos/x", {"approve": True}),
        ("POST", "/moderation/reports/x", {"suspend": True}),
        ("DELETE", "/moderation/suspensions/x", None),
    ):
        refused = await anna.http.request(method, path, json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
