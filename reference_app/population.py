"""Fills the database of a scenario: people, photos, likes. The same from the same seed, to the last byte.

Run it against servers from the environment with `python -m reference_app.population phase-1`; settings follow
as key=value, and with --if-empty a database that holds people already is left as it is.
"""

import asyncio
import io
import itertools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from PIL import Image
from pymongo.asynchronous.collection import AsyncCollection

from reference_app.app import open_platform
from reference_app.auth.store import keyed_hash, new_session
from reference_app.past import LONG_AGO, Past
from reference_app.photos.images import variants
from reference_app.photos.schemas import State
from reference_app.photos.store import media_key
from reference_app.platform import Objects, Platform
from reference_app.platform.mongo import Document, ensure_indexes
from reference_app.profiles.schemas import Location, Preferences
from reference_app.profiles.store import point
from reference_app.settings import Settings, from_environment
from scenarios.load import load
from scenarios.outcome import MatchdayError, UsageError
from scenarios.people import Sex, kept_token, person_id_of, phone_of, sex_of
from scenarios.schema import Population, Scenario
from scenarios.traffic import Conversations

Progress = Callable[[int, int], None]

# City centres (latitude, longitude).
CITIES = {
    "Berlin": (52.520, 13.405),
    "Hamburg": (53.551, 9.994),
    "Munich": (48.137, 11.575),
    "Cologne": (50.938, 6.960),
    "Frankfurt": (50.110, 8.682),
    "Stuttgart": (48.775, 9.182),
    "Leipzig": (51.340, 12.375),
    "Vienna": (48.208, 16.372),
}
CITY_SPREAD_DEGREES = 0.06  # about 7 km north-south: nearly all of a city within the default 50 km
NAMES = {
    Sex.FEMALE: ("Anna", "Clara", "Emma", "Frieda", "Hanna", "Ida", "Lena", "Marie", "Nora", "Sofia"),
    Sex.MALE: ("Anton", "Ben", "Emil", "Felix", "Jonas", "Leon", "Luis", "Max", "Noah", "Paul"),
}
BIOS = (
    "Coffee first.",
    "Looking for a climbing partner.",
    "Cat person.",
    "Here for the tacos.",
    "Ask me about bread.",
)
# Everybody's reference day: ages must not depend on when the population is made.
BORN_BEFORE = datetime(2006, 1, 1, tzinfo=UTC)
PICTURES = 24  # distinct pictures; every photo has files of its own, so caches see as many objects as in production
UPLOAD_THREADS = 8
WRITTEN_AT_ONCE = 5000
UNIT = 50  # people a batch: progress moves often, and a batch is one bulk write


def people(population: Population, secret_key: str) -> Iterator[tuple[Document, Document]]:
    """Account and profile of each person, by index. Raises UsageError for a city without coordinates."""
    if unknown := sorted(set(population.cities) - set(CITIES)):
        raise UsageError(f"population.cities: no coordinates for {', '.join(unknown)}; known: {', '.join(CITIES)}.")
    rng = np.random.default_rng([population.seed, 1])
    # Zipf: the second city has half the people of the first, the third a third.
    weights = 1 / np.arange(1, len(population.cities) + 1)
    cities = rng.choice(population.cities, population.users, p=weights / weights.sum())
    for index in range(population.users):
        person_id, sex = person_id_of(index, population.seed), sex_of(index)
        latitude, longitude = CITIES[str(cities[index])] + rng.normal(0, CITY_SPREAD_DEGREES, 2)
        age_days = int(np.clip(rng.gamma(4.0, 2.5), 0, 40) * 365.25)
        photos = int(rng.integers(1, population.photos_per_person_max + 1))
        yield (
            {"_id": person_id, "phone_hmac": keyed_hash(secret_key, f"phone:{phone_of(index)}")},
            {
                "_id": person_id,
                "name": NAMES[sex][int(rng.integers(len(NAMES[sex])))],
                "sex": sex.value,
                "birth_date": BORN_BEFORE - timedelta(days=age_days),
                "bio": BIOS[int(rng.integers(len(BIOS)))],
                "preferences": Preferences(sexes=_sought_by(sex, rng)).model_dump(mode="json"),
                "photos": [f"{person_id}{number:02d}" for number in range(photos)],
                "blocked": [],
                "location": point(Location(latitude=latitude, longitude=longitude)),
            },
        )


def _sought_by(sex: Sex, rng: np.random.Generator) -> list[Sex]:
    # 5 % look for both: an assumption; same-sex only would need a market of its own.
    return list(Sex) if rng.random() < 0.05 else [sex.opposite]


def sessions(settings: Settings, users: int, seed: int) -> Iterator[Document]:
    """A session each, whose token the phone has kept. Whoever knows the test sender's secret knows the tokens."""
    for index in range(users if settings.otp_sender == "test" else 0):
        token = kept_token(settings.otp_test_secret, phone_of(index))
        token_hmac = keyed_hash(settings.secret_key, f"token:{token}")
        yield new_session(token_hmac, person_id_of(index, seed), settings.session_ttl_s)


def photos_of(profile: Document) -> list[Document]:
    """The photos of a made profile, all approved."""
    common = {"owner": profile["_id"], "state": State.APPROVED, "at": LONG_AGO}
    return [{"_id": photo, **common} for photo in profile["photos"]]


def pictures(seed: int) -> list[dict[str, bytes]]:
    """The files of PICTURES distinct photos, of the size that photos have (a card is about 50 kB).

    WebP only: the load asks for nothing else, and half as many files are made in half the time.
    """
    rng = np.random.default_rng([seed, 3])
    originals = [_picture(rng) for _ in range(PICTURES)]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(partial(variants, formats=["webp"]), originals))


def _picture(rng: np.random.Generator) -> bytes:
    """Smooth colour fields with grain: compresses like a photograph."""
    coarse = Image.fromarray(rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)).resize(
        (800, 1000), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 9, (1000, 800, 1))
    pixels = np.clip(np.asarray(coarse, dtype=np.float64) + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


class NotEmpty(UsageError):
    """The database holds people already."""


async def create(
    platform: Platform,
    population: Population,
    conversations: Conversations,
    progress: Progress = lambda done, of: None,
) -> None:
    """Write the population. `progress(done, of)` counts people. The database must be empty."""
    await ensure_indexes(platform.db, platform.settings)
    if await platform.db.accounts.find_one({}, {"_id": 1}):
        raise NotEmpty(
            f"The database {platform.db.name!r} holds people already; set MATCHDAY_MONGO_DATABASE to an empty one."
        )
    made = list(people(population, platform.settings.secret_key))
    shown = await asyncio.to_thread(pictures, population.seed)
    objects = Objects.connect(platform.settings, connections=UPLOAD_THREADS)
    with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
        for start in range(0, len(made), UNIT):
            batch = made[start : start + UNIT]
            await platform.db.accounts.insert_many([account for account, _ in batch], ordered=False)
            await platform.db.profiles.insert_many([profile for _, profile in batch], ordered=False)
            await platform.db.photos.insert_many([photo for _, p in batch for photo in photos_of(p)], ordered=False)
            files = [
                (media_key(photo, name), content)
                for number, (_, profile) in enumerate(batch, start)
                for position, photo in enumerate(profile["photos"])
                for name, content in shown[(number * 7 + position) % PICTURES].items()
            ]
            await asyncio.to_thread(_upload, pool, objects, files)
            progress(start + len(batch), len(made))
    await _insert(platform.db.sessions, sessions(platform.settings, population.users, population.seed))
    past = Past(population, conversations, [profile for _, profile in made])
    await _insert(platform.db.swipes, _swipes(past))
    await _insert(platform.db.matches, _matches(past))
    await _insert(platform.db.messages, _messages(past))


def picture_paths(population: Population, secret_key: str) -> list[str]:
    """Where the CDN has the cards of everybody's photos."""
    made = people(population, secret_key)
    return [f"/{media_key(photo, 'card')}" for _, profile in made for photo in profile["photos"]]


async def start_over(settings: Settings, scenario: Scenario) -> None:
    """Undo what people have swiped, matched and written since they were made: the next load meets the same people."""
    population = scenario.population
    async with open_platform(settings) as platform:
        made = [profile for _, profile in people(population, settings.secret_key)]
        past = Past(population, scenario.traffic.conversations, made)
        await _put_right(platform.db.swipes, _swipes(past), ("swiper", "target"))
        await _put_right(platform.db.matches, _matches(past), ("_id",))
        await _put_right(platform.db.messages, _messages(past), ("match_id", "seq"))


async def _put_right(
    collection: AsyncCollection[Document], documents: Iterator[Document], key: tuple[str, ...]
) -> None:
    """Make a collection hold exactly `documents`, known by `key`. Only what differs is written: a load changes a
    small part, and members of a replica set take minutes for the whole."""
    missing = {tuple(document[name] for name in key): document for document in documents}
    wrong = []
    async for found in collection.find():
        own_id, at = {"_id": found["_id"]}, tuple(found[name] for name in key)
        if at in missing and found == own_id | missing[at]:
            del missing[at]
        else:
            wrong.append(found["_id"])
    for start in range(0, len(wrong), WRITTEN_AT_ONCE):
        await collection.delete_many({"_id": {"$in": wrong[start : start + WRITTEN_AT_ONCE]}})
    await _insert(collection, iter(missing.values()))


def _swipes(past: Past) -> Iterator[Document]:
    return itertools.chain(past.likes(), *(turn.likes() for turn in past.turns))


def _matches(past: Past) -> Iterator[Document]:
    return (turn.match() for turn in past.turns)


def _messages(past: Past) -> Iterator[Document]:
    return filter(None, (turn.message() for turn in past.turns))


async def _insert(collection: AsyncCollection[Document], documents: Iterator[Document]) -> None:
    # All at once take longer than a call may.
    while some := list(itertools.islice(documents, WRITTEN_AT_ONCE)):
        await collection.insert_many(some, ordered=False)


def _upload(pool: ThreadPoolExecutor, objects: Objects, files: list[tuple[str, bytes]]) -> None:
    for _ in pool.map(lambda file: objects.put(*file), files):
        pass


async def populate(settings: Settings, scenario: Scenario, progress: Progress = lambda done, of: None) -> None:
    """Bucket, queue and population, on the servers of `settings`."""
    async with open_platform(settings) as platform:
        await asyncio.to_thread(platform.objects.create_bucket)
        await asyncio.to_thread(platform.queue.create)
        await create(platform, scenario.population, scenario.traffic.conversations, progress)


def _main(arguments: list[str]) -> None:
    if_empty = "--if-empty" in arguments
    scenario, *settings = [a for a in arguments if a != "--if-empty"] or ["phase-1"]
    try:
        asyncio.run(populate(from_environment(), load(scenario, settings), lambda done, of: print(f"{done} of {of}")))
    except NotEmpty as error:
        if not if_empty:
            raise
        print(error)


if __name__ == "__main__":
    try:
        _main(sys.argv[1:])
    except MatchdayError as error:
        sys.exit(str(error))
