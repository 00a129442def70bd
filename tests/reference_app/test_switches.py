"""An answer to a bottleneck that is switched off changes how fast the backend is, not what it says."""

from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from reference_app.app import open_platform
from reference_app.discovery.store import DiscoveryStore
from reference_app.platform import Platform
from reference_app.profiles.service import deck_key
from reference_app.stack import LocalStack
from reference_app.stack.apps import app
from reference_app.stack.process import free_port
from tests.reference_app.conftest import Backend, Somebody, sign_in, somebody_unused
from tests.reference_app.test_chat import matched
from tests.reference_app.test_discovery import alone_together, deck, ids
from tests.waiting import eventually

SWITCHES = ("group_commit", "decks", "geo_index", "session_store", "sharded_channels")


@pytest.fixture(scope="module")
def plain(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """An app with everything switched off, beside the stack's own."""
    folder: Path = tmp_path_factory.mktemp("plain")
    settings = stack.settings.model_copy(update=dict.fromkeys(SWITCHES, False))
    server = app(folder, settings.as_environment(), "app-plain", port := free_port())
    server.start()
    try:
        server.wait_ready()
        yield Backend(f"http://127.0.0.1:{port}", settings.otp_test_secret)
    finally:
        server.stop()


@pytest.fixture
async def people(plain: Backend) -> AsyncIterator[list[Somebody]]:
    found = [await sign_in(plain, somebody_unused()) for _ in range(2)]
    yield found
    for person in found:
        await person.http.aclose()


@pytest.fixture
async def platform(stack: LocalStack) -> AsyncIterator[Platform]:
    async with open_platform(stack.settings) as platform:
        yield platform


async def test_everything_works_with_everything_off(people: list[Somebody], platform: Platform) -> None:
    one, other = people
    await alone_together(one, other)
    assert ids(await deck(one)) == [other.id]
    assert not await platform.redis.exists(deck_key(one.id))
    match = await matched(one, other)
    sent = await one.http.post(f"/matches/{match}/messages", json={"id": "message-1", "text": "Hi"})
    assert sent.json()["seq"] == 1
    token = one.http.headers["Authorization"]
    await one.http.delete("/auth/session")
    async with httpx.AsyncClient(base_url=one.backend.url, headers={"Authorization": token}) as http:
        assert (await http.get("/me")).status_code == 401


async def test_the_index_and_a_look_at_everybody_find_the_same(anna: Somebody, platform: Platform) -> None:
    me = await platform.db.profiles.find_one({"_id": anna.id})
    assert me is not None
    found = []
    for by_index in (True, False):
        store = DiscoveryStore(platform.db, platform.db, by_index)
        found.append({other["_id"] for other in await store.candidates(me, date.today(), 50)})
    assert found[0]
    # Of people who are equally far, to within the rounding of the two, either may come last.
    assert len(found[0] ^ found[1]) <= 2


async def test_a_deck_is_refilled_before_it_is_empty(anna: Somebody, platform: Platform) -> None:
    first = await deck(anna, limit=50)
    kept = await platform.redis.zcard(deck_key(anna.id))
    await platform.redis.zremrangebyrank(deck_key(anna.id), 5, -1)  # as if all others had been swiped away
    assert ids(await deck(anna, limit=5)) == ids(first)[:5]
    await eventually(lambda: platform.redis.zcard(deck_key(anna.id)), kept)
