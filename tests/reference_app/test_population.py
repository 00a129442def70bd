"""The population is the same from the same seed, and looks like people."""

import io
from collections import Counter
from statistics import mean

import pytest
from PIL import Image

from reference_app.app import open_platform
from reference_app.past import LONG_AGO, NEIGHBOURS, Past
from reference_app.platform.mongo import Document
from reference_app.population import create, people, pictures, populate, start_over
from reference_app.stack import LocalStack
from scenarios.load import load
from scenarios.messages import Header
from scenarios.outcome import UsageError
from scenarios.people import Sex, person_id_of, sex_of
from scenarios.schema import Population, Scenario
from tests.conftest import PLAYED

SCENARIO = load("phase-1")
SHIPPED = SCENARIO.population
# A single city, so that everybody has as many neighbours as can be met in one deck.
BERLIN = SHIPPED.model_copy(update={"cities": ("Berlin",)})


def past(population: Population = SHIPPED) -> Past:
    return Past(population, SCENARIO.traffic.conversations, [profile for _, profile in people(population, "key")])


def test_the_same_seed_makes_the_same_people_to_the_last_byte() -> None:
    assert list(people(SHIPPED, "key")) == list(people(SHIPPED, "key"))
    assert list(past().likes()) == list(past().likes())
    assert past().turns == past().turns
    assert pictures(1)[0] == pictures(1)[0]
    assert list(people(SHIPPED, "key")) != list(people(SHIPPED.model_copy(update={"seed": 2}), "key"))


def test_people_live_in_all_cities_and_most_in_the_first() -> None:
    longitudes = [profile["location"]["coordinates"][0] for _, profile in people(SHIPPED, "key")]
    nearest = Counter(min({13.405, 9.994, 11.575, 6.960, 8.682}, key=lambda c: abs(c - lon)) for lon in longitudes)
    assert len(nearest) == len(SHIPPED.cities)
    assert nearest.most_common(1)[0][0] == 13.405


def test_everybody_is_grown_up_and_has_photos() -> None:
    for _, profile in people(SHIPPED, "key"):
        assert 18 <= 2026 - profile["birth_date"].year <= 61
        assert 1 <= len(profile["photos"]) <= SHIPPED.photos_per_person_max


def test_likes_are_skewed_and_as_many_as_the_scenario_says() -> None:
    received = Counter(like["target"] for like in past(BERLIN).likes())
    for sex in Sex:
        ids = [person_id_of(i, SHIPPED.seed) for i in range(SHIPPED.users) if sex_of(i) is sex]
        counts = sorted((received[person] for person in ids), reverse=True)
        assert sum(counts) / len(counts) / NEIGHBOURS == pytest.approx(SHIPPED.liked_before_share.of(sex), rel=0.1)
        assert sum(counts[: len(counts) // 10]) > 0.2 * sum(counts)


def test_nobody_likes_twice_or_themselves() -> None:
    found = past()
    swipes = [*found.likes(), *(like for turn in found.turns for like in turn.likes())]
    pairs = [(like["swiper"], like["target"]) for like in swipes]
    assert len(pairs) == len(set(pairs))
    assert all(swiper != target for swiper, target in pairs)


def test_people_are_in_the_middle_of_conversations() -> None:
    turns = past(BERLIN).turns
    assert len(turns) / SHIPPED.users == pytest.approx(SHIPPED.turns_waiting_mean, rel=0.1)
    assert len({turn.match_id for turn in turns}) == len(turns)
    for turn in turns:
        message, match = turn.message(), turn.match()
        assert match["seq"] == (1 if message else 0)
        assert set(match["people"]) == {turn.person, turn.other}
        if message:
            header = Header.parse(message["client_id"])
            assert header
            assert (header.turns_left, message["sender"]) == (turn.turns_left, turn.other)
    # In one turn of so many as a conversation has messages nobody has written yet.
    assert mean(turn.turns_left is None for turn in turns) == pytest.approx(1 / 9.5, abs=0.025)


def test_pictures_are_of_the_size_that_photos_have() -> None:
    for made in pictures(1):
        assert Image.open(io.BytesIO(made["card.webp"])).size == (640, 800)
        assert 20_000 < len(made["card.webp"]) < 120_000


def test_a_city_without_coordinates_is_named() -> None:
    with pytest.raises(UsageError, match="no coordinates for Atlantis; known: Berlin"):
        list(people(SHIPPED.model_copy(update={"cities": ("Atlantis",)}), "key"))


async def test_what_was_made_is_in_the_database(stack: LocalStack, scenario: Scenario) -> None:
    async with open_platform(stack.settings) as platform:
        # Of those whom other tests leave alone.
        people = [person_id_of(index, scenario.population.seed) for index in range(PLAYED)]
        assert await platform.db.accounts.count_documents({"_id": {"$in": people}}) == PLAYED
        assert await platform.db.profiles.count_documents({"_id": {"$in": people}, "name": {"$ne": ""}}) == PLAYED
        assert await platform.db.photos.count_documents({"owner": {"$in": people}}) >= PLAYED


async def test_a_second_population_is_refused(stack: LocalStack, scenario: Scenario) -> None:
    population: Population = scenario.population
    async with open_platform(stack.settings) as platform:
        with pytest.raises(UsageError, match="holds people already"):
            await create(platform, population, scenario.traffic.conversations)


async def test_starting_over_undoes_what_was_swiped_matched_and_written_and_leaves_the_rest_alone(
    stack: LocalStack,
) -> None:
    # A database of its own: other tests' people stay as they are.
    settings = stack.settings.model_copy(update={"mongo_database": "starting_over"})
    changes = ["population.users=40", 'population.cities=["Berlin"]', "population.turns_waiting_mean=2"]
    asked = load("phase-1", [*changes, "infrastructure.app_processes=1"])
    await populate(settings, asked)
    async with open_platform(settings) as platform:
        collections = (platform.db.swipes, platform.db.matches, platform.db.messages)
        made = [await collection.find().sort("_id").to_list() for collection in collections]
        assert all(made)
        # A new swipe, a like that became a match, a match that was ended, a message that is gone.
        await platform.db.swipes.insert_one({"swiper": "a", "target": "b", "like": True, "at": LONG_AGO})
        await platform.db.swipes.update_one({"matched": None}, {"$set": {"matched": True}})
        await platform.db.matches.update_one({}, {"$set": {"ended_at": LONG_AGO}})
        await platform.db.messages.delete_one({})

        await start_over(settings, asked)

        for collection, before in zip(collections, made, strict=True):
            after = await collection.find().to_list()
            assert without_ids(after) == without_ids(before)
            kept = {document["_id"] for document in before} & {document["_id"] for document in after}
            assert len(kept) >= len(before) - 1
        await platform.db.client.drop_database("starting_over")


def without_ids(documents: list[Document]) -> list[str]:
    """Ids of swipes and messages are the database's own."""
    return sorted(str(sorted((k, str(v)) for k, v in one.items() if k != "_id")) for one in documents)
