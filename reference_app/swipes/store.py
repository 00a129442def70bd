"""Swipes and matches in MongoDB, written with w:majority."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from reference_app.pairs import match_id
from reference_app.platform import Commits, Database, Platform
from reference_app.platform.mongo import Document, on_majority
from reference_app.swipes.schemas import Kind

LIKES_AT_ONCE_MAX = 200


def kind_of(swipe: Document) -> Kind:
    if not swipe["like"]:
        return Kind.PASS
    return Kind.SUPER_LIKE if swipe.get("super") else Kind.LIKE


@dataclass(frozen=True)
class SwipeStore:
    db: Database
    commits: Commits

    @classmethod
    def on(cls, platform: Platform) -> "SwipeStore":
        return cls(platform.db, platform.commits)

    async def put(self, swiper: str, target: str, kind: Kind, at: datetime) -> tuple[Document, bool]:
        """Keep the first swipe of `swiper` on `target`. Returns that one, and whether it is this one."""
        new: Document = {"swiper": swiper, "target": target, "like": kind.likes, "at": at}
        if kind is Kind.SUPER_LIKE:
            new["super"] = True
        while True:
            try:
                await self.commits.swipes.insert_one(new)
            except DuplicateKeyError:
                if stands := await self.standing(swiper, target):
                    return stands, False
                # Taken back at this moment: then there is room for the new one.
            else:
                return new, True

    async def get(self, swiper: str, target: str) -> Document | None:
        return await self.db.swipes.find_one({"swiper": swiper, "target": target})

    async def standing(self, swiper: str, target: str) -> Document | None:
        """The same, for whoever will be told that it stands: on the majority."""
        return await on_majority(self.db.swipes, {"swiper": swiper, "target": target})

    async def take_back(self, swipe: Document) -> bool:
        """Remove a swipe. False when it has become part of a match, or is gone already."""
        query = {"_id": swipe["_id"], "swiper": swipe["swiper"], "matched": None}
        return bool((await self.db.swipes.delete_one(query)).deleted_count)

    async def count(self, swiper: str, kind: Kind, since: datetime, until: datetime) -> int:
        """How many swipes of a kind somebody made in that time."""
        query: Document = {"swiper": swiper, "like": kind.likes, "at": {"$gte": since, "$lt": until}}
        return await self.db.swipes.count_documents(query | {"super": True if kind is Kind.SUPER_LIKE else None})

    async def likes(self, swiper: str, target: str) -> bool:
        query = {"swiper": swiper, "target": target, "like": True}
        return await self.db.swipes.find_one(query, {"_id": 1}) is not None

    async def likes_between(self, start: datetime, end: datetime) -> list[Document]:
        """Likes of that time, oldest first."""
        cursor = self.db.swipes.find({"like": True, "at": {"$gte": start, "$lt": end}})
        return await cursor.sort("at", 1).to_list(None)

    async def liked_back(self, likes: Sequence[Document]) -> list[Document]:
        """Those of `likes` whose target likes the swiper."""
        pairs = {(like["target"], like["swiper"]): like for like in likes}
        found = []
        for start in range(0, len(likes), LIKES_AT_ONCE_MAX):
            some = [{"swiper": a, "target": b} for a, b in list(pairs)[start : start + LIKES_AT_ONCE_MAX]]
            cursor = self.db.swipes.find({"$or": some, "like": True}, {"_id": 0, "swiper": 1, "target": 1})
            found += [pairs[like["swiper"], like["target"]] for like in await cursor.to_list(None)]
        return found

    async def settle(self, one: str, other: str) -> bool:
        """From now on neither like can be taken back. False, with nothing changed, when one of them was."""
        # Not on the majority yet; but when the match is, so is everything that its shard has written before it. What
        # another shard loses the sweep finds: it looks at each like again when that surely is on the majority.
        swipes = self.db.swipes.with_options(write_concern=WriteConcern(1))
        both = {"$or": [{"swiper": one, "target": other}, {"swiper": other, "target": one}], "like": True}
        if (await swipes.update_many(both, {"$set": {"matched": True}})).matched_count == 2:
            return True
        await swipes.update_many(both, {"$unset": {"matched": True}})
        return False

    async def put_match(self, one: str, other: str, at: datetime) -> bool:
        """Create the match of a pair. False when it is there already: exactly one caller gets True."""
        new = {"people": sorted((one, other)), "at": at, "active_at": at, "ended_at": None, "seq": 0, "untold": True}
        try:
            result = await self.db.matches.update_one({"_id": match_id(one, other)}, {"$setOnInsert": new}, upsert=True)
        except DuplicateKeyError:  # the other side's like was detected at the same moment
            return False
        return result.upserted_id is not None

    async def is_untold(self, match: str) -> bool:
        """Whether nobody may have been told of a match: whoever made it may have died before."""
        return await self.db.matches.find_one({"_id": match, "untold": True, "ended_at": None}, {"_id": 1}) is not None

    async def note_told(self, match: str) -> None:
        matches = self.db.matches.with_options(write_concern=WriteConcern(1))  # if it is lost both are told twice
        await matches.update_one({"_id": match}, {"$unset": {"untold": True}})

    async def swept_until(self) -> datetime | None:
        """How far the sweep has looked at likes again; None before the first."""
        noted = await self.db.sweeps.find_one({"_id": "likes"})
        return noted["until"] if noted else None

    async def note_swept(self, until: datetime) -> None:
        await self.db.sweeps.update_one({"_id": "likes"}, {"$max": {"until": until}}, upsert=True)
