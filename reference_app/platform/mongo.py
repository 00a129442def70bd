"""MongoDB: the truth. Everything that is acknowledged was written with w:majority first."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, cast

from pymongo import ASCENDING, GEOSPHERE, AsyncMongoClient, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure, WriteConcernError
from pymongo.monitoring import (
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionPoolListener,
)
from pymongo.read_preferences import SecondaryPreferred

from reference_app.platform import metrics
from reference_app.settings import Settings

# What a lost, electing or overloaded server looks like.
Unavailable = (ConnectionFailure, ExecutionTimeout, WriteConcernError)
Document = dict[str, Any]
CLOSE_WITHIN_S = 2.0
STALENESS_MAX_S = 90  # the least that MongoDB allows
Database = AsyncDatabase[Document]

# For a sharded cluster. What people do all the time carries these keys, and so asks one shard. Small collections stay
# together on one: accounts, devices, reports, notifications.
SHARD_KEYS: dict[str, Document] = {
    "profiles": {"_id": "hashed"},
    "sessions": {"_id": "hashed"},
    "photos": {"_id": "hashed"},
    "swipes": {"swiper": 1},
    "matches": {"_id": "hashed"},
    "messages": {"match_id": 1},
}
_PLACES = IndexModel([("location", GEOSPHERE), ("sex", ASCENDING), ("birth_date", ASCENDING)])
INDEXES: dict[str, list[IndexModel]] = {
    "accounts": [IndexModel("phone_hmac", unique=True), IndexModel("deleted_at", sparse=True)],
    "sessions": [IndexModel("ends_at", expireAfterSeconds=0), IndexModel("person")],
    "profiles": [_PLACES, IndexModel("blocked", sparse=True)],
    "photos": [
        IndexModel("owner"),
        IndexModel([("state", ASCENDING), ("at", ASCENDING)]),
        IndexModel("files_left", sparse=True),
    ],
    "devices": [IndexModel("person")],
    "notifications": [IndexModel("at", expireAfterSeconds=7 * 86_400)],  # SQS keeps a job for four days
    "reports": [
        IndexModel([("state", ASCENDING), ("at", ASCENDING)]),
        IndexModel(
            [("reporter", ASCENDING), ("reported", ASCENDING)],
            name="one_open_report",
            unique=True,
            partialFilterExpression={"state": "open", "reporter": {"$exists": True}},
        ),
        IndexModel("reported"),
    ],
    "swipes": [
        IndexModel([("swiper", ASCENDING), ("target", ASCENDING)], unique=True),
        # Super-likes for a deck; and all that others did with somebody, when that person's data is erased.
        IndexModel([("target", ASCENDING), ("super", ASCENDING)]),
        IndexModel("swiper", name="matched", partialFilterExpression={"matched": True}),
        # Only likes are looked at again, by the sweep that finds matches a crash left undetected.
        IndexModel("at", name="likes_by_time", partialFilterExpression={"like": True}),
    ],
    "matches": [IndexModel("people")],
    "messages": [
        IndexModel([("match_id", ASCENDING), ("seq", ASCENDING)], unique=True),
        IndexModel([("match_id", ASCENDING), ("sender", ASCENDING), ("client_id", ASCENDING)], unique=True),
    ],
}

# Of earlier versions: they would refuse what is right now.
OUTDATED_INDEXES = [("messages", "match_id_1_client_id_1")]
_NO_SUCH_INDEX = 27


class _PoolWatch(ConnectionPoolListener):
    """Counts connections in use; the other pool events are of no interest."""

    def connection_checked_out(self, event: ConnectionCheckedOutEvent) -> None:
        metrics.MONGO_CONNECTIONS.take()

    def connection_checked_in(self, event: ConnectionCheckedInEvent) -> None:
        metrics.MONGO_CONNECTIONS.give_back()

    def _ignore(self, event: object) -> None:
        pass

    pool_created = pool_ready = pool_cleared = pool_closed = _ignore
    connection_created = connection_ready = connection_closed = _ignore
    connection_check_out_started = connection_check_out_failed = _ignore


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database through the chosen driver; both offer the same calls as far as we use them."""
    options: dict[str, Any] = {
        "w": "majority",
        "maxPoolSize": settings.mongo_pool_size,
        "timeoutMS": settings.mongo_timeout_ms,
        "serverSelectionTimeoutMS": settings.mongo_timeout_ms,  # where timeoutMS does not reach: closing
        # A primary that is paused neither answers nor refuses. So its monitor gives up soon, and the driver then takes
        # back what is under way there and sends it to the new primary: nobody sees an error.
        "heartbeatFrequencyMS": 1000,
        "connectTimeoutMS": 2000,
        "tz_aware": True,
        "event_listeners": [_PoolWatch()],
    }
    metrics.MONGO_POOL_SIZE.set(settings.mongo_pool_size)
    if settings.mongo_driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient

        motor = AsyncIOMotorClient(settings.mongo_url, **options)
        try:
            yield cast(Database, motor[settings.mongo_database])
        finally:
            motor.close()
    else:
        client = AsyncMongoClient[Document](settings.mongo_url, **options)
        try:
            yield client[settings.mongo_database]
        finally:
            # Closing tells the server so; when it is gone, that would wait for it.
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await client.close()


def stale_reads(db: Database, settings: Settings) -> Database:
    """The same database for reads that may be a moment behind: from a replica, where that is wanted."""
    if settings.stale_reads_from == "primary":
        return db
    return db.with_options(read_preference=SecondaryPreferred(max_staleness=STALENESS_MAX_S))


def now() -> datetime:
    """The time as MongoDB keeps it: to the millisecond, so that what is answered now is what will be read later."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


async def on_majority(collection: AsyncCollection[Document], query: Document) -> Document | None:
    """The document that a unique `query` names, once the majority has it: for what was written by somebody else.

    A write that changes nothing waits, too, until everything before it is on the majority. None when it is not there,
    or gone by then.
    """
    found = await collection.find_one(query)
    if found is None:
        return None
    still_there = await collection.update_one({**query, "_id": found["_id"]}, {"$unset": {"nothing": True}})
    return found if still_there.matched_count else None


async def aggregate(collection: AsyncCollection[Document], stages: Sequence[Mapping[str, Any]]) -> list[Document]:
    """All that an aggregation gives. The drivers differ here: PyMongo's call is a coroutine, Motor's is not."""
    begun: Any = collection.aggregate(list(stages))
    cursor = await begun if inspect.isawaitable(begun) else begun
    found: list[Document] = await cursor.to_list(None)
    return found


async def ensure_indexes(db: Database, settings: Settings) -> None:
    """Create what is missing, and drop what is outdated; several apps may do so at once."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes([i for i in indexes if settings.geo_index or i is not _PLACES])
    for collection, name in OUTDATED_INDEXES:
        if name in await db[collection].index_information():
            try:
                await db[collection].drop_index(name)
            except OperationFailure as error:
                if error.code != _NO_SUCH_INDEX:  # another app was faster
                    raise
    await shard(db)


async def shard(db: Database) -> None:
    """Distribute the collections, where the database is a sharded cluster. Doing it twice changes nothing."""
    if (await db.client.admin.command("hello")).get("msg") != "isdbgrid":
        return
    for collection, key in SHARD_KEYS.items():
        await db.client.admin.command("shardCollection", f"{db.name}.{collection}", key=key)
