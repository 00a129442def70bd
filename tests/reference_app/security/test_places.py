"""Where people are: an attacker who may be anywhere, and asks as often as they like, finds a square of a kilometre.

Trilateration as in Polakis et al., "Where's Wally? Precise User Discovery Attacks in Location Proximity Services".
"""

import json
import math
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from scipy.optimize import least_squares

from reference_app.app import open_platform
from reference_app.profiles.distance import haversine_km, roughly
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Backend, Somebody
from tests.reference_app.security.world import newcomer

Place = tuple[float, float]
KM_PER_DEGREE = 111.2
SQUARE_KM = 1.12
# Two doors in one square, a kilometre from each other; and where an attacker begins.
HOMES, START = ((48.2012, 16.3570), (48.2088, 16.3690)), (48.17, 16.33)


def km(one: Place, other: Place) -> float:
    return haversine_km({"coordinates": one[::-1]}, {"coordinates": other[::-1]})


@hypothesis.given(st.floats(-90, 90), st.floats(-180, 180))
def test_squares_are_a_kilometre_everywhere_on_earth(latitude: float, longitude: float) -> None:
    middle = roughly(latitude, longitude)
    assert roughly(*middle) == middle
    assert km(middle, (latitude, longitude)) <= SQUARE_KM / math.sqrt(2) + 0.05
    if abs(latitude) < 89:
        # As wide as high: nobody is found more exactly because they live in the north.
        half_lat, half_lon = 0.004, 0.4 * SQUARE_KM / KM_PER_DEGREE / math.cos(math.radians(middle[0]))
        for corner in ((middle[0] + half_lat, middle[1] + half_lon), (middle[0] - half_lat, middle[1] - half_lon)):
            assert roughly(*corner) == middle


async def move(person: Somebody, place: Place) -> None:
    body = {"latitude": place[0], "longitude": place[1]}
    assert (await person.http.put("/me/location", json=body)).status_code == 204


async def test_the_exact_place_is_stored_nowhere(anna: Somebody, stack: LocalStack) -> None:
    await move(anna, (48.20817412, 16.37381911))
    async with open_platform(stack.settings) as platform:
        profile = await platform.db.profiles.find_one({"_id": anna.id})
    assert profile is not None
    assert "48.208" not in json.dumps(profile["location"])
    shown = (await anna.http.get("/me")).json()["location"]
    assert km((shown["latitude"], shown["longitude"]), (48.20817412, 16.37381911)) < SQUARE_KM


# What an attacker may ask of a place: how far away the victim is, or whether a deck of so many kilometres shows them.
Distance = Callable[[Place], Awaitable[int]]
Shown = Callable[[Place], Awaitable[bool]]


def beyond(middle: Place, north_km: float, east_km: float) -> Place:
    east_degrees = east_km / KM_PER_DEGREE / math.cos(math.radians(middle[0]))
    return middle[0] + north_km / KM_PER_DEGREE, middle[1] + east_degrees


def directions(count: int) -> list[tuple[float, float]]:
    return [(math.cos(2 * math.pi * n / count), math.sin(2 * math.pi * n / count)) for n in range(count)]


async def last_where(holds: Shown, start: Place, towards: tuple[float, float], most_km: float) -> Place:
    """On the way from `start`, where it holds, the last place where it does, to a metre."""
    low, high = 0.0, most_km
    while high - low > 0.001:
        at_km = (low + high) / 2
        here = await holds(beyond(start, towards[0] * at_km, towards[1] * at_km))
        low, high = (at_km, high) if here else (low, at_km)
    return beyond(start, towards[0] * low, towards[1] * low)


def solved(start: Place, places: list[Place], distances_km: list[float]) -> Place:
    def wrong_by(at: Any) -> list[float]:
        return [km((at[0], at[1]), place) - d for place, d in zip(places, distances_km, strict=True)]

    found = least_squares(wrong_by, start).x
    return float(found[0]), float(found[1])


async def trilaterate(distance: Distance, start: Place) -> Place:
    """From a ring of distances about where; then where each flips to the next kilometre, which is so far exactly."""
    ring = [beyond(start, 10 * north, 10 * east) for north, east in directions(12)]
    about = solved(start, ring, [await distance(place) - 0.5 for place in ring])
    edges, distances_km = [], []
    for towards in directions(12):
        first = beyond(about, 2.5 * towards[0], 2.5 * towards[1])
        whole_km = await distance(first)

        async def no_further(place: Place, whole_km: int = whole_km) -> bool:
            return await distance(place) <= whole_km

        edges.append(await last_where(no_further, first, towards, 2.0))
        distances_km.append(float(whole_km))
    return solved(about, edges, distances_km)


async def leave_the_deck(shown: Shown, start: Place, within_km: int) -> Place:
    """From a place where the deck shows the victim, where it ceases to: a circle around the victim."""
    edges = [await last_where(shown, start, towards, 2.0 * within_km) for towards in directions(12)]
    return solved(start, edges, [float(within_km)] * len(edges))


@pytest.mark.parametrize("home", HOMES)
async def test_the_attacks_find_somebody_whose_distance_is_only_rounded(home: Place) -> None:
    """What the attacks can do: without squares they find a door."""

    async def distance(place: Place) -> int:
        return math.ceil(km(place, home))

    async def shown(place: Place) -> bool:
        return km(place, home) <= 1

    assert km(await trilaterate(distance, START), home) < 0.01
    assert km(await leave_the_deck(shown, beyond(home, 0.2, 0.1), 1), home) < 0.01


async def test_no_attack_finds_more_than_a_square(backend: Backend) -> None:
    victim, *attackers = [await newcomer(backend, sex) for sex in ("female", *["male"] * 6)]
    for attacker in attackers:
        assert (await attacker.http.patch("/me", json={"preferences": {"distance_km": 1}})).status_code == 200
    in_turns = cycle(attackers)  # one alone would be told to slow down

    async def distance(place: Place) -> int:
        attacker = next(in_turns)
        await move(attacker, place)
        return int((await attacker.http.get(f"/profiles/{victim.id}")).json()["distance_km"])

    async def shown(place: Place) -> bool:
        attacker = next(in_turns)
        await move(attacker, place)
        return victim.id in (await attacker.http.get("/discovery?limit=50")).text

    assert roughly(*HOMES[0]) == roughly(*HOMES[1])
    by_distance, by_deck = [], []
    for home in HOMES:
        await move(victim, home)
        assert await shown(roughly(*home))
        assert not await shown(beyond(roughly(*home), 2 * SQUARE_KM, 0))
        by_distance.append(await trilaterate(distance, START))
        by_deck.append(await leave_the_deck(shown, roughly(*HOMES[0]), 1))
    # The answers are those of the square, whoever of it is asked for.
    assert by_distance[0] == by_distance[1]
    assert by_deck[0] == by_deck[1]
    for found in (*by_distance, *by_deck):
        assert km(found, roughly(*HOMES[0])) < SQUARE_KM
    for person in (*attackers, victim):
        await person.http.aclose()
