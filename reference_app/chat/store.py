"""Matches and messages in MongoDB."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pymongo import DESCENDING, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from reference_app.pairs import match_id
from reference_app.platform import Commits, Database
from reference_app.platform.mongo import Document, now, on_majority

Position = tuple[datetime, str]  # when a match had its latest news, and its id


@dataclass(frozen=True)
class ChatStore:
    db: Database
    commits: Commits

    async def matches_of(self, person: str, limit: int, before: Position | None = None) -> list[Document]:
        """Standing matches, those with the latest news first; those behind a position in that order.

        By the likes that made them: those are stored with the person, so that only their shard is asked.
        """
        likes = self.db.swipes.find({"swiper": person, "matched": True}, {"_id": 0, "target": 1})
        ids = [match_id(person, like["target"]) for like in await likes.to_list(None)]
        query: Document = {"_id": {"$in": ids}, "ended_at": None}
        if before:
            at, last_id = before
            query["$or"] = [{"active_at": {"$lt": at}}, {"active_at": at, "_id": {"$lt": last_id}}]
        cursor = self.db.matches.find(query).sort([("active_at", DESCENDING), ("_id", DESCENDING)])
        return await cursor.limit(limit).to_list(limit)

    async def match_of(self, match_id: str, person: str) -> Document | None:
        """A standing match, if `person` is one of its two."""
        return await self.db.matches.find_one({"_id": match_id, "people": person, "ended_at": None})

    async def end(self, match_id: str, person: str) -> Document | None:
        match = await self.db.matches.find_one_and_update(
            {"_id": match_id, "people": person, "ended_at": None}, {"$set": {"ended_at": now()}}
        )
        if match:
            await self._forget_likes(*match["people"])
        return match

    async def end_for_good(self, match_id: str, people: list[str]) -> bool:
        """End a match, and leave its unique key taken where there was none. Returns whether one was standing."""
        at = now()
        new = {"people": sorted(people), "at": at, "active_at": at, "seq": 0}
        while True:
            with suppress(DuplicateKeyError):  # made at this moment: then there is one to end
                before = await self.db.matches.find_one_and_update(
                    {"_id": match_id}, {"$set": {"ended_at": at}, "$setOnInsert": new}, upsert=True
                )
                await self._forget_likes(*people)
                return before is not None and before["ended_at"] is None

    async def _forget_likes(self, one: str, other: str) -> None:
        """The likes of an ended match lead to nothing any more. They stand: neither can be made anew."""
        both = {"$or": [{"swiper": one, "target": other}, {"swiper": other, "target": one}], "matched": True}
        await self.db.swipes.update_many(both, {"$set": {"matched": "ended"}})

    async def put_message(self, match_id: str, sender: str, client_id: str, text: str) -> Document | None:
        """Store a message under the next number of its match, or find the one an earlier try stored.

        A number is taken by inserting it, never before: whoever has seen number 5 can be sure that 4 is there.
        Returns the match's people and the message; None when `sender` has no such standing match.
        """
        match = await self.match_of(match_id, sender)
        if match is None:
            return None
        same, seq = {"match_id": match_id, "sender": sender, "client_id": client_id}, match["seq"]
        while True:
            seq += 1
            message = {**same, "seq": seq, "text": text, "at": now()}
            try:
                await self.commits.messages.insert_one(message)
            except DuplicateKeyError as error:
                if "client_id" not in (error.details or {}).get("keyPattern", {}):
                    continue  # the other side was faster, or the match's own count lags behind
                stored = await on_majority(self.db.messages, same)
                if stored is None:  # erased with its sender's account
                    return None
                message = stored
            await self._note_last(message)
            return {"people": match["people"], "message": message}

    async def _note_last(self, message: Document) -> None:
        """Where to start counting, and what to show in the list. A lost note is made by a retry or the next message."""
        seq, at, sender = message["seq"], message["at"], message["sender"]
        last = {"sender": sender, "text": message["text"], "at": at}
        await self._quick_matches.update_one(
            {"_id": message["match_id"], "seq": {"$lt": seq}},
            {"$set": {"seq": seq, "last": last, "active_at": at, f"read.{sender}": seq}},
        )

    @property
    def _quick_matches(self) -> AsyncCollection[Document]:
        """Matches, for writes that need not wait for the majority."""
        return self.db.matches.with_options(write_concern=WriteConcern(1))

    async def messages_after(self, match_id: str, seq: int, limit: int) -> list[Document]:
        cursor = self.db.messages.find({"match_id": match_id, "seq": {"$gt": seq}})
        return await cursor.sort("seq", 1).limit(limit).to_list(limit)

    async def delivered(self, match_id: str, person: str, seq: int) -> Document | None:
        """Note that `person` has everything up to `seq`. Returns the match as it was."""
        return await self._note(match_id, person, {f"delivered.{person}": seq})

    async def read(self, match_id: str, person: str, seq: int) -> Document | None:
        """Note that `person` has looked at everything up to `seq`. Returns the match as it was."""
        return await self._note(match_id, person, {f"delivered.{person}": seq, f"read.{person}": seq})

    async def latest(self, match_id: str, limit: int) -> list[Document]:
        """The latest messages, in their order."""
        cursor = self.db.messages.find({"match_id": match_id}).sort("seq", DESCENDING)
        return list(reversed(await cursor.limit(limit).to_list(limit)))

    async def _note(self, match_id: str, person: str, marks: Document) -> Document | None:
        # A lost receipt is sent again with the next message.
        standing = {"_id": match_id, "people": person, "ended_at": None}
        return await self._quick_matches.find_one_and_update(standing, {"$max": marks})
