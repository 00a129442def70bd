"""Sharding is MongoDB's. No mongos runs here, so what can be known without one is checked: that every hot query carries
its collection's shard key, so that a mongos would send it to one shard, and that an index serves it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient

from reference_app.app import open_platform
from reference_app.platform.mongo import INDEXES, SHARD_KEYS, Document, shard
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody
from tests.reference_app.test_chat import matched
from tests.reference_app.test_discovery import deck

# What asks every shard by its nature, and how often that is.
EVERYWHERE: dict[str, Callable[[Document], bool]] = {
    "whoever is near, wherever they are stored; once for a hundred swipes": lambda c: "$geoNear" in str(c),
    "super-likes received; once for a hundred swipes": lambda c: c.get("filter", {}).get("super") is True,
    "one's own photos; when somebody edits them": lambda c: "owner" in c.get("filter", {}),
    "the worker's sweep; once a second": lambda c: set(c.get("filter", {})) == {"like", "at"},
    "the worker's tidying; twice a minute": lambda c: c.get("filter", {}).get("state") == "deleted",
}


async def a_persons_evening(anna: Somebody, ben: Somebody) -> None:
    """Everything that people do all the time."""
    await anna.http.get("/me")
    await anna.http.patch("/me", json={"bio": "Out."})
    await anna.http.put("/me/location", json={"latitude": 52.5, "longitude": 13.4})
    await deck(anna)
    match = await matched(anna, ben)
    await anna.http.get(f"/profiles/{ben.id}")
    for number in range(2):
        body = {"id": f"message-{number}", "text": "Hi"}
        await anna.http.post(f"/matches/{match}/messages", json=body)
    await ben.http.get(f"/matches/{match}/messages", params={"after": 1})
    await ben.http.put(f"/matches/{match}/read", json={"seq": 2})
    await anna.http.get("/matches")
    await anna.http.get("/photos")
    await anna.http.delete(f"/matches/{match}")
    await anna.http.delete("/auth/session")


def queries(entry: Document) -> list[Document]:
    """The filters of an operation as the profiler saw it; none for an insert, which carries its key by itself."""
    command = entry["command"]
    if entry["op"] == "insert":
        return []
    found = command.get("filter") or command.get("q") or command.get("query")
    found = found or command.get("pipeline", [{}])[0].get("$match", {})
    return list(found["$or"]) if "$or" in found else [found]


async def test_hot_queries_carry_their_shard_key_and_use_an_index(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    name = stack.settings.mongo_database
    with MongoClient[dict[str, Any]](stack.settings.mongo_url) as client:
        db = client[name]
        db.command("profile", 2)
        try:
            await a_persons_evening(anna, ben)
        finally:
            db.command("profile", 0)
        seen = list(db["system.profile"].find({"ns": {"$in": [f"{name}.{c}" for c in SHARD_KEYS]}}))
        db["system.profile"].drop()
    checked = set()
    for entry in seen:
        collection = entry["ns"].partition(".")[2]
        if any(is_meant(entry["command"]) for is_meant in EVERYWHERE.values()):
            continue
        (key,) = SHARD_KEYS[collection]
        for query in queries(entry):
            assert key in query, f"{collection}: {query} goes to every shard"
            checked.add(collection)
        assert "COLLSCAN" not in entry.get("planSummary", ""), entry
    assert checked == {"profiles", "sessions", "swipes", "matches", "messages"}


def test_unique_indexes_begin_with_the_shard_key() -> None:
    """Else MongoDB refuses to shard the collection."""
    for collection, key in SHARD_KEYS.items():
        (field,) = key
        for index in INDEXES[collection]:
            document = index.document
            if document.get("unique"):
                assert next(iter(document["key"])) == field


class FakeMongos:
    """Answers as a mongos does, and remembers what it was told: there is none to run here."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.client, self.admin, self.name = self, self, "matchday"

    async def command(self, *told: Any, **more: Any) -> dict[str, Any]:
        self.told.append((*told, *more.values()))
        return {"msg": "isdbgrid"} if told == ("hello",) else {"ok": 1}


async def test_set_up_shards_the_collections_of_a_mongos() -> None:
    mongos: Any = FakeMongos()
    await shard(mongos)
    assert ("shardCollection", "matchday.swipes", {"swiper": 1}) in mongos.told
    assert len(mongos.told) == 1 + len(SHARD_KEYS)


async def test_set_up_shards_nothing_elsewhere(stack: LocalStack) -> None:
    async with open_platform(stack.settings) as platform:
        await shard(platform.db)


@pytest.mark.parametrize("collection", SHARD_KEYS)
def test_every_sharded_collection_is_known(collection: str) -> None:
    assert collection in INDEXES
