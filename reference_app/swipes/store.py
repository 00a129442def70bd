"""Swipes and matches in MongoDB, written with w:majority."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from reference_app.platform import Database
from reference_app.platform.mongo import Document

SEPARATOR = ":"


def match_id(one: str, other: str) -> str:
    """The unique key of a pair, the same from both sides."""
    return SEPARATOR.join(sorted((one, other)))


@dataclass(frozen=True)
class SwipeStore:
    db: Database

    async def put(self, swiper: str, target: str, like: bool) -> Document:
        """Keep the first swipe of `swiper` on `target`. Returns that one: whether it is a `like`, and `at` when."""
        swipe: Document | None = await self.db.swipes.find_one_and_update(
            {"swiper": swiper, "target": target},
            {"$setOnInsert": {"like": like, "at": datetime.now(UTC)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert swipe is not None  # an upsert returns what it left
        return swipe

    async def likes(self, swiper: str, target: str) -> bool:
        query = {"swiper": swiper, "target": target, "like": True}
        return await self.db.swipes.find_one(query, {"_id": 1}) is not None

    async def likes_between(self, start: datetime, end: datetime) -> list[Document]:
        """Likes of that time, oldest first."""
        cursor = self.db.swipes.find({"like": True, "at": {"$gte": start, "$lt": end}})
        return await cursor.sort("at", 1).to_list(None)

    async def put_match(self, one: str, other: str) -> bool:
        """Create the match of a pair. False when it is there already: exactly one caller gets True."""
        try:
            result = await self.db.matches.update_one(
                {"_id": match_id(one, other)},
                {
                    "$setOnInsert": {
                        "people": sorted((one, other)),
                        "at": datetime.now(UTC),
                        "ended_at": None,
                        "seq": 0,
                    }
                },
                upsert=True,
            )
        except DuplicateKeyError:  # the other side's like was detected at the same moment
            return False
        return result.upserted_id is not None
