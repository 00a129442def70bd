"""Decks: whom they show, in which order, and that a swipe takes a card out."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import httpx

from reference_app.app import open_platform
from reference_app.background import Background
from reference_app.discovery.decks import NOBODY_AGAIN_AFTER_S, Decks
from reference_app.discovery.service import DiscoveryService
from reference_app.discovery.store import DiscoveryStore
from reference_app.platform import Redis
from reference_app.platform.mongo import Document
from reference_app.profiles.schemas import age_on
from reference_app.profiles.service import ProfileService, deck_key, nobody_key
from reference_app.profiles.store import ProfileStore
from reference_app.stack import LocalStack
from scenarios.people import Sex
from tests.reference_app.conftest import Somebody


async def deck(person: Somebody, limit: int = 50) -> list[dict[str, object]]:
    answer = await person.http.get("/discovery", params={"limit": limit})
    assert answer.status_code == 200, answer.text
    cards: list[dict[str, object]] = answer.json()["cards"]
    return cards


def ids(cards: list[dict[str, object]]) -> list[str]:
    return [card["profile"]["id"] for card in cards]  # type: ignore[index]


async def test_a_deck_shows_wanted_people_nearest_first_and_never_oneself(anna: Somebody) -> None:
    wanted = (await anna.http.get("/me")).json()["preferences"]["sexes"]
    cards = await deck(anna)
    assert cards
    distances = [card["distance_km"] for card in cards]
    assert distances == sorted(distances)  # type: ignore[type-var]
    assert {card["profile"]["sex"] for card in cards} <= set(wanted)  # type: ignore[index]
    assert anna.id not in ids(cards)


async def test_the_deck_from_redis_is_the_deck_that_was_computed(anna: Somebody) -> None:
    assert await deck(anna) == await deck(anna)


async def test_a_swipe_takes_the_card_out_for_good(anna: Somebody, stack: LocalStack) -> None:
    first, second, *_ = ids(await deck(anna))
    await anna.http.post("/swipes", json={"target_id": first, "kind": "pass"})
    assert ids(await deck(anna))[0] == second
    # Changed preferences throw the deck away: the new one must not show the swiped card either.
    await anna.http.patch("/me", json={"preferences": {"sexes": ["male", "female"], "distance_km": 160}})
    assert first not in ids(await deck(anna))


async def test_preferences_filter_by_age(anna: Somebody) -> None:
    await anna.http.patch("/me", json={"preferences": {"age_min": 18, "age_max": 30}})
    ages = [card["profile"]["age"] for card in await deck(anna)]  # type: ignore[index]
    assert ages
    assert max(ages) <= 30


async def test_nobody_far_away_is_shown(anna: Somebody) -> None:
    # A place of their own: the same test with the other driver leaves somebody there.
    await anna.http.put("/me/location", json={"latitude": -45.0, "longitude": float(anna.index - 180)})
    assert await deck(anna) == []


async def test_a_changed_profile_shows_in_others_decks(anna: Somebody, ben: Somebody) -> None:
    place = (await anna.http.get("/me")).json()["location"]
    everybody = {"preferences": {"sexes": ["male", "female"]}}
    for person in (anna, ben):
        await person.http.patch("/me", json=everybody)
        await person.http.put("/me/location", json=place)
    assert ben.id in ids(await deck(anna))
    await ben.http.patch("/me", json={"bio": "Just changed."})
    bios = {card["profile"]["id"]: card["profile"]["bio"] for card in await deck(anna)}  # type: ignore[index]
    assert bios[ben.id] == "Just changed."


async def test_people_meet_only_when_each_is_what_the_other_wants(anna: Somebody, ben: Somebody) -> None:
    await alone_together(anna, ben)
    assert ids(await deck(anna)) == [ben.id]
    age = age_of(await me(anna))
    for not_anna in ({"age_min": age + 1}, {"age_max": age - 1}, {"sexes": [other_sex(await me(anna))]}):
        await ben.http.patch("/me", json={"preferences": EVERYBODY | not_anna})
        await anna.http.patch("/me", json={"preferences": EVERYBODY})  # throws the old deck away
        assert ids(await deck(anna)) == []


async def test_the_shorter_of_both_distances_counts(anna: Somebody, ben: Somebody) -> None:
    place = await alone_together(anna, ben)
    await ben.http.put("/me/location", json=place | {"latitude": place["latitude"] + 0.2})  # 22 km
    await ben.http.patch("/me", json={"preferences": EVERYBODY | {"distance_km": 23}})
    assert ids(await deck(anna)) == [ben.id]
    await ben.http.patch("/me", json={"preferences": EVERYBODY | {"distance_km": 21}})
    await anna.http.patch("/me", json={"preferences": EVERYBODY})
    assert ids(await deck(anna)) == []


async def test_a_super_like_comes_first_and_says_so(anna: Somebody, ben: Somebody, carla: Somebody) -> None:
    place = await alone_together(anna, ben, carla)
    await ben.http.put("/me/location", json=place | {"latitude": place["latitude"] + 0.1})
    assert ids(await deck(anna)) == [carla.id, ben.id]
    await ben.swipe(anna, "super_like")
    for _ in ("computed", "from Redis"):
        cards = await deck(anna)
        assert [(card["super_like"], card["distance_km"]) for card in cards] == [(True, 12), (False, 1)]
        assert ids(cards) == [ben.id, carla.id]


async def test_a_swipe_while_the_deck_is_computed_counts(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    await alone_together(anna, ben)

    class Slow(DiscoveryStore):
        async def candidates(self, me: Document, today: date, limit: int) -> list[Document]:
            found = await super().candidates(me, today, limit)
            assert (await anna.swipe(ben, "pass")).status_code == 201
            return found

    assert await computed_by(Slow, anna, stack) == ([], 0)


async def test_a_block_counts_before_and_after_the_deck_is_checked(
    anna: Somebody, ben: Somebody, carla: Somebody, stack: LocalStack
) -> None:
    await alone_together(anna, ben, carla)

    class Slow(DiscoveryStore):
        async def not_to_meet(self, me: Document, others: Collection[str]) -> set[str]:
            assert set(others) == {ben.id, carla.id}
            assert (await anna.http.put(f"/blocks/{ben.id}")).status_code == 204
            assert not await platform.redis.exists(deck_key(anna.id))  # nobody sees what is not checked
            gone = await super().not_to_meet(me, others)
            assert (await anna.http.put(f"/blocks/{carla.id}")).status_code == 204
            return gone

    async with open_platform(stack.settings) as platform:
        _, kept = await computed_by(Slow, anna, stack)
    assert kept == 0


async def test_who_changes_their_mind_while_the_deck_is_computed_gets_another(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    await alone_together(anna, ben)
    nobody = EVERYBODY | {"age_min": 99}

    class Slow(DiscoveryStore):
        async def candidates(self, me: Document, today: date, limit: int) -> list[Document]:
            found = await super().candidates(me, today, limit)
            await anna.http.patch("/me", json={"preferences": nobody})
            return found

    assert await computed_by(Slow, anna, stack) == ([], 0)


async def test_no_deck_outlives_a_change_of_mind_after_its_check(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    await alone_together(anna, ben)

    class Slow(DiscoveryStore):
        async def not_to_meet(self, me: Document, others: Collection[str]) -> set[str]:
            await anna.http.patch("/me", json={"preferences": EVERYBODY | {"age_min": 99}})
            return await super().not_to_meet(me, others)

    _, kept = await computed_by(Slow, anna, stack)
    assert kept == 0


async def test_a_card_that_was_read_before_a_change_is_not_kept(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    class Slow(ProfileStore):
        async def get_many(self, person_ids: Iterable[str]) -> list[Document]:
            found = await super().get_many(person_ids)
            assert (await ben.http.patch("/me", json={"bio": "New."})).status_code == 200
            return found

    await alone_together(anna, ben)
    async with open_platform(stack.settings) as platform:
        slow = ProfileService(Slow(platform.db), platform.redis, "")
        decks = Decks(DiscoveryStore.on(platform), slow.store, platform.redis, Background(), kept=True)
        await DiscoveryService(decks, slow, platform.redis).next_cards(anna.id, 1)
    assert "New." in (await anna.http.get("/discovery")).text


async def test_nobody_is_looked_for_again_and_again(anna: Somebody, ben: Somebody, stack: LocalStack) -> None:
    """Whoever has swiped on everybody costs most."""
    looked = []

    class Watched(DiscoveryStore):
        async def candidates(self, me: Document, today: date, limit: int) -> list[Document]:
            looked.append(me["_id"])
            return await super().candidates(me, today, limit)

    await alone_together(anna, ben)
    await anna.swipe(ben, "pass")
    async with open_platform(stack.settings) as platform:
        decks = Decks(Watched.on(platform), ProfileStore(platform.db), platform.redis, Background(), kept=True)
        assert [await decks.top(anna.id, 10) for _ in range(3)] == [[], [], []]
        assert len(looked) == 1
        assert 0 < await platform.redis.ttl(nobody_key(anna.id)) <= NOBODY_AGAIN_AFTER_S
        await anna.http.patch("/me", json={"preferences": {"distance_km": 50}})  # at once, for whoever looks elsewhere
        assert await decks.top(anna.id, 10) == []
        assert len(looked) == 2


async def test_decks_are_kept_by_one_redis_and_by_a_cluster(
    anna: Somebody, ben: Somebody, carla: Somebody, stack: LocalStack, redis: Redis
) -> None:
    people = (anna, ben, carla)  # of several nodes
    await alone_together(*people)
    async with open_platform(stack.settings) as platform:
        background = Background()
        decks = Decks(DiscoveryStore.on(platform), ProfileStore(platform.db), redis, background, kept=True)
        for person in people:
            first, second = sorted(other.id for other in people if other is not person)
            assert [other for other, _ in await decks.top(person.id, 10)] == [first, second]
            await background.drain()
            await decks.take(person.id, first)
            assert [other for other, _ in await decks.top(person.id, 10)] == [second]
            await decks.forget(person.id)
            assert await redis.exists(deck_key(person.id)) == 0


async def computed_by(store: type[DiscoveryStore], person: Somebody, stack: LocalStack) -> tuple[list[str], int]:
    """A deck as the first request that asks for it gets it, and how many of it are kept then."""
    async with open_platform(stack.settings) as platform:
        background = Background()
        decks = Decks(store.on(platform), ProfileStore(platform.db), platform.redis, background, kept=True)
        shown = [other for other, _ in await decks.top(person.id, 10)]
        await background.drain()
        return shown, await platform.redis.zcard(deck_key(person.id))


async def test_who_is_gone_takes_nobodys_place(anna: Somebody, ben: Somebody, carla: Somebody) -> None:
    place = await alone_together(anna, ben, carla)
    await carla.http.put("/me/location", json=place | {"latitude": place["latitude"] + 0.1})
    assert ids(await deck(anna, limit=1)) == [ben.id]
    assert (await ben.http.delete("/me")).status_code == 202
    assert ids(await deck(anna, limit=1)) == [carla.id]


EVERYBODY = {"sexes": ["male", "female"], "age_min": 18, "age_max": 99, "distance_km": 100}


async def alone_together(*people: Somebody) -> dict[str, float]:
    """Put them where nobody else is, open to everybody."""
    place = {"latitude": -60.0, "longitude": float(people[0].index % 360 - 180)}
    for person in people:
        await person.http.patch("/me", json={"preferences": EVERYBODY})
        await person.http.put("/me/location", json=place)
    return place


async def me(person: Somebody) -> dict[str, Any]:
    found: dict[str, Any] = (await person.http.get("/me")).json()
    return found


def age_of(profile: dict[str, Any]) -> int:
    return age_on(date.today(), date.fromisoformat(profile["birth_date"]))


def other_sex(profile: dict[str, Any]) -> str:
    return Sex(profile["sex"]).opposite.value


async def test_somebody_without_a_place_is_told_what_to_do(anybody: httpx.AsyncClient, stack: LocalStack) -> None:
    from scenarios.people import otp_test_code

    phone = "+9993" + anybody.base_url.netloc.decode().rpartition(":")[2].zfill(8)
    await anybody.post("/auth/otp", json={"phone": phone})
    body = {"phone": phone, "code": otp_test_code(stack.settings.otp_test_secret, phone)}
    token = (await anybody.post("/auth/session", json=body)).json()["token"]
    refused = await anybody.get("/discovery", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 409
    assert "PUT /me/location" in refused.json()["error"]["message"]
