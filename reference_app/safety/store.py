"""Blocks in the blocker's profile, reports in a collection of their own."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from reference_app.platform import Database
from reference_app.platform.mongo import Document

BLOCKED_MAX = 1000
REPORTS_OPEN_MAX = 20  # of one reporter: more would hide those of others from the moderators


@dataclass(frozen=True)
class SafetyStore:
    db: Database

    async def block(self, person: str, other: str) -> bool:
        """False when the list is full."""
        room = {"$or": [{"blocked": other}, {f"blocked.{BLOCKED_MAX - 1}": {"$exists": False}}]}
        change = {"$addToSet": {"blocked": other}}
        return bool((await self.db.profiles.update_one({"_id": person, **room}, change)).matched_count)

    async def unblock(self, person: str, other: str) -> None:
        await self.db.profiles.update_one({"_id": person}, {"$pull": {"blocked": other}})

    async def put_report(self, reporter: str, reported: str, reason: str, note: str) -> str | None:
        """Returns the id of the report that waits: this one, or an earlier one of the same two. None: too many do."""
        query = {"reporter": reporter, "reported": reported, "state": "open"}
        new = {"_id": ObjectId(), "reason": reason, "note": note, "at": datetime.now(UTC)}
        while True:
            try:
                report = await self.db.reports.find_one_and_update(
                    query, {"$setOnInsert": new}, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:  # the same report at the same moment
                continue
            assert report is not None  # an upsert returns what it left
            waiting = {"reporter": reporter, "state": "open"}
            # Counted with this one: many may come at once.
            if report["_id"] == new["_id"] and await self.db.reports.count_documents(waiting) > REPORTS_OPEN_MAX:
                await self.db.reports.delete_one({"_id": new["_id"]})
                return None
            return str(report["_id"])

    async def open_reports(self, limit: int) -> list[Document]:
        return await self.db.reports.find({"state": "open"}).sort("at", 1).limit(limit).to_list(limit)

    async def open_report(self, report_id: str) -> Document | None:
        if not ObjectId.is_valid(report_id):
            return None
        return await self.db.reports.find_one({"_id": ObjectId(report_id), "state": "open"})

    async def close(self, report: Document, moderator: str, decision: str, note: str) -> None:
        """The first decision stands."""
        decided = {"state": decision, "moderator": moderator, "decision_note": note, "decided_at": datetime.now(UTC)}
        await self.db.reports.update_one({"_id": report["_id"], "state": "open"}, {"$set": decided})
