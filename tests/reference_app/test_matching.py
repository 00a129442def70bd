"""Swipes become matches exactly once, and both sides hear of it."""

import asyncio
import json

from tests.reference_app.conftest import Somebody, frame


async def test_the_second_like_makes_the_match_and_tells_both(anna: Somebody, ben: Somebody) -> None:
    async with anna.socket() as annas, ben.socket() as bens:
        await anna.swipe(ben)
        await ben.swipe(anna)
        heard = [await frame(annas), await frame(bens)]
    assert [event["type"] for event in heard] == ["match", "match"]
    assert [event["with_id"] for event in heard] == [ben.id, anna.id]
    for person in (anna, ben):
        matches = (await person.http.get("/matches")).json()["matches"]
        assert heard[0]["match_id"] in [match["id"] for match in matches]


async def test_likes_at_the_same_moment_make_one_match(anna: Somebody, ben: Somebody) -> None:
    async with anna.socket() as annas, ben.socket() as bens:
        # Retries of a phone on a bad line included.
        answers = await asyncio.gather(*(p.swipe(o) for p, o in [(anna, ben), (ben, anna)] * 5))
        assert {answer.status_code for answer in answers} == {201}
        assert (await frame(annas))["match_id"] == (await frame(bens))["match_id"]
        # Events come in order: had there been a second one, it would come before the answer to this ping.
        for socket in (annas, bens):
            await socket.send(json.dumps({"type": "ping"}))
            assert (await frame(socket))["type"] == "pong"


async def test_a_pass_makes_no_match_and_stands(anna: Somebody, ben: Somebody) -> None:
    assert (await anna.swipe(ben, "pass")).json()["kind"] == "pass"
    # The first swipe wins: there is no way to look what the other thinks.
    assert (await anna.swipe(ben, "like")).json()["kind"] == "pass"
    async with anna.socket() as annas:
        await ben.swipe(anna)
        await annas.send(json.dumps({"type": "ping"}))
        assert (await frame(annas))["type"] == "pong"


async def test_a_swipe_on_oneself_or_on_nobody_is_refused(anna: Somebody) -> None:
    assert (await anna.swipe(anna)).status_code == 409
    unknown = await anna.http.post("/swipes", json={"target_id": "nobody", "kind": "like"})
    assert unknown.status_code == 404
