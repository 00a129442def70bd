"""Decks: whom they show, in which order, and that a swipe takes a card out."""

import httpx

from reference_app.stack import LocalStack
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
    await anna.http.post("/swipes", json={"target_id": first, "like": False})
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


async def test_somebody_without_a_place_is_told_what_to_do(anybody: httpx.AsyncClient, stack: LocalStack) -> None:
    from scenarios.people import otp_test_code

    phone = "+9993" + anybody.base_url.netloc.decode().rpartition(":")[2].zfill(8)
    await anybody.post("/auth/otp", json={"phone": phone})
    body = {"phone": phone, "code": otp_test_code(stack.settings.otp_test_secret, phone)}
    token = (await anybody.post("/auth/session", json=body)).json()["token"]
    refused = await anybody.get("/discovery", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 409
    assert "PUT /me/location" in refused.json()["error"]["message"]
