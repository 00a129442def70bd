"""Messages over the socket and over REST; strangers see nothing."""

import asyncio
import json
from typing import Any

import pytest
import websockets

from reference_app.app import open_platform
from reference_app.auth.store import AuthStore
from reference_app.chat.connection import NOT_SIGNED_IN
from reference_app.chat.presence import presence_key
from reference_app.chat.socket import CHECK_SESSION_EVERY_S
from reference_app.platform.mongo import ensure_indexes
from reference_app.push.schemas import PhoneSystem
from reference_app.push.service import push_service_on
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody, frame, offering, sign_in_with
from tests.waiting import eventually


async def matched(one: Somebody, other: Somebody) -> str:
    """Both like each other. Returns the match's id."""
    async with one.socket() as socket:
        await one.swipe(other)
        await other.swipe(one)
        return str((await frame(socket))["match_id"])


def message(match: str, number: int = 1, text: str = "Hello") -> dict[str, Any]:
    return {"type": "message", "match_id": match, "id": f"message-{number}", "text": text}


async def test_a_message_arrives_is_acknowledged_and_receipted(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    async with anna.socket() as annas, ben.socket() as bens:
        await annas.send(json.dumps(message(match)))
        arrived = (await frame(bens))["message"]
        assert (arrived["text"], arrived["sender_id"], arrived["seq"]) == ("Hello", anna.id, 1)
        assert await frame(annas) == {"type": "ack", "match_id": match, "id": "message-1", "seq": 1}
        await bens.send(json.dumps({"type": "delivered", "match_id": match, "seq": 1}))
        assert await frame(annas) == {"type": "receipt", "match_id": match, "seq": 1}


async def test_reading_and_typing_reach_the_other_side(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    async with anna.socket() as annas, ben.socket() as bens:
        await bens.send(json.dumps({"type": "typing", "match_id": match}))
        assert await frame(annas) == {"type": "typing", "match_id": match}
        await annas.send(json.dumps(message(match)))
        assert (await frame(bens))["message"]["seq"] == 1
        await bens.send(json.dumps({"type": "read", "match_id": match, "seq": 1}))
        assert [(await frame(annas))["type"] for _ in range(2)] == ["ack", "read"]
        assert (await ben.http.put(f"/matches/{match}/read", json={"seq": 1})).status_code == 204
        assert await frame(annas) == {"type": "read", "match_id": match, "seq": 1}


async def test_the_list_of_matches_says_what_is_new(anna: Somebody, ben: Somebody, carla: Somebody) -> None:
    older, newer = await matched(anna, ben), await matched(anna, carla)
    for number in (1, 2):
        await ben.http.post(f"/matches/{older}/messages", json={"id": f"message-{number}", "text": f"Number {number}"})
    await anna.http.put(f"/matches/{older}/read", json={"seq": 1})
    first, second, *_ = (await anna.http.get("/matches")).json()["matches"]
    # The one with the latest message comes first, though the match is older.
    assert [first["id"], second["id"]] == [older, newer]
    assert (first["last_message"]["text"], first["last_message"]["sender_id"]) == ("Number 2", ben.id)
    assert (first["last_seq"], first["read_seq"]) == (2, 1)
    assert second["last_message"] is None
    of_ben = next(m for m in (await ben.http.get("/matches")).json()["matches"] if m["id"] == older)
    assert (of_ben["read_seq"], of_ben["delivered_to_other_seq"], of_ben["read_by_other_seq"]) == (2, 1, 1)


async def test_who_was_away_catches_up_in_order(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    for number in range(5):
        body = {"id": f"message-{number}", "text": str(number)}
        assert (await anna.http.post(f"/matches/{match}/messages", json=body)).status_code == 201
    late = await ben.http.get(f"/matches/{match}/messages", params={"after": 2})
    assert [m["text"] for m in late.json()["messages"]] == ["2", "3", "4"]


async def test_a_retry_stores_the_message_once(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    body = {"id": "message-1", "text": "Once"}
    tries = [(await anna.http.post(f"/matches/{match}/messages", json=body)).json() for _ in range(3)]
    assert {reply["seq"] for reply in tries} == {1}
    assert len((await ben.http.get(f"/matches/{match}/messages")).json()["messages"]) == 1


async def test_both_may_call_their_messages_the_same(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    for seq, person in enumerate((anna, ben), start=1):
        for _ in range(2):
            body = {"id": "message-1", "text": f"From {person.id}."}
            answer = (await person.http.post(f"/matches/{match}/messages", json=body)).json()
            assert (answer["seq"], answer["sender_id"], answer["text"]) == (seq, person.id, body["text"])
    assert len((await ben.http.get(f"/matches/{match}/messages")).json()["messages"]) == 2


async def test_an_index_of_an_earlier_version_is_dropped(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    settings = stack.settings.model_copy(update={"mongo_database": f"of-{anna.id}"})
    async with open_platform(settings) as platform:
        await platform.db.messages.create_index([("match_id", 1), ("client_id", 1)], unique=True)
        await asyncio.gather(*(ensure_indexes(platform.db, settings) for _ in range(3)))
        there = await platform.db.messages.index_information()
        await platform.db.client.drop_database(platform.db.name)
    assert set(there) == {"_id_", "match_id_1_seq_1", "match_id_1_sender_1_client_id_1"}


async def test_a_retry_mends_the_list_of_matches(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    match = await matched(anna, ben)
    body = {"id": "message-1", "text": "Once"}
    await anna.http.post(f"/matches/{match}/messages", json=body)
    async with open_platform(stack.settings) as platform:  # as when an app dies between its two writes
        await platform.db.matches.update_one({"_id": match}, {"$set": {"seq": 0}, "$unset": {"last": True}})
    await anna.http.post(f"/matches/{match}/messages", json=body)
    shown = next(m for m in (await ben.http.get("/matches")).json()["matches"] if m["id"] == match)
    assert (shown["last_seq"], shown["last_message"]["text"]) == (1, "Once")


async def test_a_stranger_neither_reads_nor_writes_nor_ends_a_match(
    anna: Somebody, ben: Somebody, carla: Somebody
) -> None:
    match = await matched(anna, ben)
    path = f"/matches/{match}/messages"
    assert (await carla.http.get(path)).status_code == 404
    assert (await carla.http.post(path, json={"id": "message-1", "text": "Hi"})).status_code == 404
    assert (await carla.http.put(f"/matches/{match}/read", json={"seq": 1})).status_code == 404
    assert (await carla.http.delete(f"/matches/{match}")).status_code == 404
    async with carla.socket() as carlas:
        await carlas.send(json.dumps(message(match)))
        assert (await frame(carlas))["code"] == "not_found"
        for asking in ({"type": "delivered", "seq": 1}, {"type": "read", "seq": 1}, {"type": "typing"}):
            await carlas.send(json.dumps(asking | {"match_id": match}))
            assert (await frame(carlas))["code"] == "not_found"
    assert (await anna.http.get(path)).json()["messages"] == []


async def test_after_an_unmatch_the_talk_is_over_for_both(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    async with ben.socket() as bens:
        assert (await anna.http.delete(f"/matches/{match}")).status_code == 204
        assert await frame(bens) == {"type": "unmatch", "match_id": match}
        await bens.send(json.dumps(message(match)))
        assert (await frame(bens))["code"] == "not_found"
    assert (await anna.http.delete(f"/matches/{match}")).status_code == 404
    assert match not in [m["id"] for m in (await ben.http.get("/matches")).json()["matches"]]


@pytest.mark.parametrize(
    "bad", ["", "[]", "no json", '{"type":"dance"}', '{"type":"message"}', '{"type":"ping","x":1}', '"' + "a" * 60_000]
)
async def test_a_bad_frame_is_answered_and_the_socket_lives_on(anna: Somebody, bad: str) -> None:
    async with anna.socket() as socket:
        await socket.send(bad)
        assert (await frame(socket))["code"] == "invalid"
        await socket.send('{"type":"ping"}')
        assert (await frame(socket))["type"] == "pong"


async def test_one_of_two_phones_may_go(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    match = await matched(anna, ben)
    async with ben.socket() as phone, open_platform(stack.settings) as platform:
        async with ben.socket() as tablet:
            for each in (phone, tablet):
                await each.send('{"type":"ping"}')
                await frame(each)
            assert await platform.redis.zcard(presence_key(ben.id)) == 2
        await eventually(lambda: platform.redis.zcard(presence_key(ben.id)), 1)
        (shown,) = [m for m in (await anna.http.get("/matches")).json()["matches"] if m["id"] == match]
        assert shown["online"]
        await anna.http.post(f"/matches/{match}/messages", json={"id": "message-1", "text": "Still there?"})
        assert (await frame(phone))["message"]["text"] == "Still there?"


async def test_signing_out_closes_this_phones_socket_and_no_other(anna: Somebody) -> None:
    other = await sign_in_with(anna.backend, anna.phone)
    async with anna.socket() as annas, other.socket() as others:
        await anna.http.delete("/auth/session")
        assert (await frame(annas))["type"] == "session_ended"
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await frame(annas)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == NOT_SIGNED_IN
        await others.send('{"type":"ping"}')
        assert (await frame(others))["type"] == "pong"
    await other.http.aclose()


@pytest.mark.slow
async def test_a_socket_whose_session_ended_unheard_is_closed(anna: Somebody, stack: LocalStack) -> None:
    async with anna.socket() as annas:
        async with open_platform(stack.settings) as platform:
            await AuthStore.on(platform).end_sessions(anna.id)  # and the word of it is lost
        async with asyncio.timeout(2 * CHECK_SESSION_EVERY_S):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await annas.recv()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == NOT_SIGNED_IN


async def test_presence_shows_while_the_socket_is_open(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)

    async def online() -> bool:
        matches = (await anna.http.get("/matches")).json()["matches"]
        return next(bool(m["online"]) for m in matches if m["id"] == match)

    assert not await online()
    async with ben.socket() as bens:
        await bens.send('{"type":"ping"}')  # answered: the server has registered the socket
        await frame(bens)
        assert await online()


async def test_a_socket_needs_a_session_that_has_not_ended(anna: Somebody, stack: LocalStack) -> None:
    ticket = await anna.ticket()
    await anna.http.delete("/auth/session")
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(anna.socket_url, **offering(ticket)):
            pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["error"]["code"] == "not_signed_in"
    assert "handshake" not in stack.server("app-1").log.read_text()  # anybody could fill the log


async def test_nothing_is_heard_of_who_has_left_a_match(anna: Somebody, ben: Somebody) -> None:
    match = await matched(anna, ben)
    async with anna.socket() as annas, ben.socket() as bens:
        await anna.http.delete(f"/matches/{match}")
        assert (await frame(bens))["type"] == "unmatch"
        for kind in ("read", "delivered"):
            await bens.send(json.dumps({"type": kind, "match_id": match, "seq": 1}))
            assert (await frame(bens))["code"] == "not_found"
        assert (await ben.http.put(f"/matches/{match}/read", json={"seq": 1})).status_code == 404
        await annas.send('{"type":"ping"}')
        assert (await frame(annas))["type"] == "pong"


async def test_all_matches_can_be_listed_page_by_page(anna: Somebody, ben: Somebody, carla: Somebody) -> None:
    both = [await matched(anna, other) for other in (ben, carla)]
    found, after = [], ""
    for _ in range(2):
        page = (await anna.http.get("/matches", params={"limit": 1, "after": after})).json()
        found += [match["id"] for match in page["matches"]]
        after = page["next"]
    assert found == both[::-1]
    assert (await anna.http.get("/matches", params={"limit": 1, "after": after})).json() == {
        "matches": [],
        "next": None,
    }
    assert (await anna.http.get("/matches")).json()["next"] is None
    assert (await anna.http.get("/matches", params={"after": "yesterday"})).status_code == 422


async def test_what_was_sent_to_a_dead_phone_is_pushed(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    match = await matched(anna, ben)
    async with open_platform(stack.settings) as platform:
        push = push_service_on(platform)
        phone = await push.register(ben.id, f"a-phone-of-{ben.id}", PhoneSystem.IOS)
        async with ben.socket() as bens:
            body = {"id": "message-1", "text": "Are you there?"}
            assert (await anna.http.post(f"/matches/{match}/messages", json=body)).status_code == 201
            assert (await frame(bens))["type"] == "message"  # which its app never says that it has
            bens.transport.abort()
        await eventually(lambda: push.store.is_sent(f"message:{match}:1", phone), True)
