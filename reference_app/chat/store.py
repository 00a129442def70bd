"""Matches and messages in MongoDB, presence in Redis."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import DESCENDING, ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError

from reference_app.platform import Database, Redis
from reference_app.platform.mongo import Document


@dataclass(frozen=True)
class ChatStore:
    db: Database
    redis: Redis
    presence_ttl_s: int

    async def matches_of(self, person: str, limit: int) -> list[Document]:
        """Standing matches, newest first."""
        cursor = self.db.matches.find({"people": person, "ended_at": None})
        return await cursor.sort("at", DESCENDING).limit(limit).to_list(limit)

    async def match_of(self, match_id: str, person: str) -> Document | None:
        """A standing match, if `person` is one of its two."""
        return await self.db.matches.find_one({"_id": match_id, "people": person, "ended_at": None})

    async def end(self, match_id: str, person: str) -> Document | None:
        return await self.db.matches.find_one_and_update(
            {"_id": match_id, "people": person, "ended_at": None}, {"$set": {"ended_at": datetime.now(UTC)}}
        )

    async def put_message(self, match_id: str, sender: str, client_id: str, text: str) -> Document | None:
        """Store a message under the next number of its match, or find the one an earlier try stored.

        Returns the match's people and the message; None when `sender` has no such standing match.
        """
        match = await self.db.matches.find_one_and_update(
            {"_id": match_id, "people": sender, "ended_at": None},
            {"$inc": {"seq": 1}},
            return_document=ReturnDocument.AFTER,
        )
        if match is None:
            return None
        message = {
            "match_id": match_id,
            "client_id": client_id,
            "seq": match["seq"],
            "sender": sender,
            "text": text,
            "at": datetime.now(UTC),
        }
        try:
            await self.db.messages.insert_one(message)
        except DuplicateKeyError:  # a retry: the number taken above stays unused
            stored = await self.db.messages.find_one({"match_id": match_id, "client_id": client_id})
            assert stored is not None
            message = stored
        return {"people": match["people"], "message": message}

    async def messages_after(self, match_id: str, seq: int, limit: int) -> list[Document]:
        cursor = self.db.messages.find({"match_id": match_id, "seq": {"$gt": seq}})
        return await cursor.sort("seq", 1).limit(limit).to_list(limit)

    async def delivered(self, match_id: str, person: str, seq: int) -> Document | None:
        """Note that `person` has everything up to `seq`. Returns the match."""
        # A lost receipt is sent again with the next message: it need not wait for the majority.
        matches = self.db.matches.with_options(write_concern=WriteConcern(1))
        return await matches.find_one_and_update(
            {"_id": match_id, "people": person}, {"$max": {f"delivered.{person}": seq}}
        )

    async def seen_online(self, person: str) -> None:
        await self.redis.set(f"presence:{person}", b"1", ex=self.presence_ttl_s)

    async def gone(self, person: str) -> None:
        await self.redis.delete(f"presence:{person}")

    async def online(self, people: list[str]) -> list[bool]:
        return [v is not None for v in await self.redis.mget([f"presence:{p}" for p in people])] if people else []
