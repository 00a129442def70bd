"""When Redis goes away MongoDB serves what it can, the rest says so; sockets stay, and deliver again."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import websockets
from redis.asyncio import Redis

from reference_app.stack import LocalStack, apps, stores
from reference_app.stack.process import ServerProcess, free_port
from tests.reference_app.conftest import Backend, frame, offering, sign_in, somebody_unused
from tests.waiting import eventually


@dataclass
class Fragile:
    """An app with a Redis of its own."""

    backend: Backend
    valkey: ServerProcess
    redis_url: str


@pytest.fixture
def fragile(stack: LocalStack, tmp_path: Path) -> Iterator[Fragile]:
    valkey = stores.valkey(tmp_path, 9, redis_port := free_port(), "100mb")
    settings = stack.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{redis_port}/0"})
    app = apps.app(tmp_path, settings.as_environment(), "app-9", port := free_port())
    try:
        for server in (valkey, app):
            server.start()
            server.wait_ready()
        yield Fragile(Backend(f"http://127.0.0.1:{port}", settings.otp_test_secret), valkey, settings.redis_url)
    finally:
        app.stop()
        valkey.stop()


async def test_redis_may_go_away_and_be_wiped(fragile: Fragile) -> None:
    one, two = somebody_unused(), somebody_unused()
    person = await sign_in(fragile.backend, one)
    async with person.socket() as socket:
        ticket = await person.ticket()
        fragile.valkey.stop()
        shown = await person.http.get("/discovery", params={"limit": 2})
        assert shown.status_code == 200
        first, second = (card["profile"]["id"] for card in shown.json()["cards"])
        for target, kind in ((first, "like"), (second, "pass")):
            assert (await person.http.post("/swipes", json={"target_id": target, "kind": kind})).status_code == 201
        left = [card["profile"]["id"] for card in (await person.http.get("/discovery")).json()["cards"]]
        assert not {first, second} & set(left)
        assert (await person.http.get("/matches")).status_code == 200
        # Codes are only there.
        refused = await person.http.post("/auth/otp", json={"phone": person.phone})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        await socket.send('{"type":"ping"}')
        assert (await frame(socket))["code"] == "unavailable"
        with pytest.raises(websockets.InvalidStatus) as not_now:  # nobody is told that their session has ended
            async with websockets.connect(person.socket_url, **offering(ticket)):
                pass
        assert not_now.value.response.status_code == 503
        assert (await person.http.post("/auth/ticket")).status_code == 503

        fragile.valkey.start()
        fragile.valkey.wait_ready()
        # Sessions are in MongoDB, too: nobody has to sign in again.
        assert (await person.http.get("/me")).status_code == 200
        again, other = await sign_in(fragile.backend, one), await sign_in(fragile.backend, two)
        await eventually(lambda: subscribers(fragile, person.id), 1)
        # The same socket as before is told that it may have missed something, and hears of a match.
        assert (await frame(socket))["type"] == "catch_up"
        await other.swipe(again)
        await again.swipe(other)
        assert (await frame(socket))["type"] == "match"
        for somebody in (person, again, other):
            await somebody.http.aclose()


async def test_a_redis_that_hangs_is_given_up(fragile: Fragile) -> None:
    person = await sign_in(fragile.backend, somebody_unused())
    os.kill(fragile.valkey.pid, signal.SIGSTOP)
    try:
        assert (await person.http.get("/me", timeout=30)).status_code == 200
    finally:
        os.kill(fragile.valkey.pid, signal.SIGCONT)
    await person.http.aclose()


async def subscribers(fragile: Fragile, person_id: str) -> int:
    async with Redis.from_url(fragile.redis_url) as redis:
        ((_, count),) = await redis.pubsub_shardnumsub(f"to:{person_id}")
    return int(count)
