"""The end of accounts in MongoDB: across all collections, so in one place."""

from dataclasses import dataclass
from datetime import UTC, datetime

from reference_app.platform import Database
from reference_app.platform.mongo import Document


@dataclass(frozen=True)
class AccountStore:
    db: Database

    async def suspend(self, person: str) -> None:
        await self.db.accounts.update_one({"_id": person}, {"$set": {"suspended_at": datetime.now(UTC)}})
        await self.db.profiles.update_one({"_id": person}, {"$set": {"hidden": "suspended"}})
        await self.db.devices.delete_many({"person": person})  # or they would hear of what others write to them

    async def reinstate(self, person: str) -> bool:
        lifted = await self.db.accounts.update_one(
            {"_id": person, "suspended_at": {"$ne": None}}, {"$unset": {"suspended_at": True}}
        )
        await self.db.profiles.update_one({"_id": person, "hidden": "suspended"}, {"$unset": {"hidden": True}})
        return bool(lifted.matched_count)

    async def mark_deleted(self, person: str) -> None:
        # Another value in the place of the phone's: the number is free for a new account.
        mark = {"deleted_at": datetime.now(UTC), "phone_hmac": f"deleted:{person}"}
        await self.db.accounts.update_one({"_id": person}, {"$set": mark})
        await self.db.profiles.update_one({"_id": person}, {"$set": {"hidden": "deleted"}})

    async def is_marked_deleted(self, person: str) -> bool:
        query = {"_id": person, "deleted_at": {"$ne": None}}
        return await self.db.accounts.find_one(query, {"_id": 1}) is not None

    async def marked_deleted(self, before: datetime) -> list[str]:
        found = self.db.accounts.find({"deleted_at": {"$lt": before}}, {"_id": 1})
        return [account["_id"] for account in await found.to_list(None)]

    async def matches_of(self, person: str) -> list[Document]:
        return await self.db.matches.find({"people": person}, {"people": 1}).to_list(None)

    async def erase_messages(self, match_id: str) -> None:
        await self.db.messages.delete_many({"match_id": match_id})
        await self.db.matches.update_one({"_id": match_id}, {"$unset": {"last": True}})

    async def photos_of(self, person: str) -> list[str]:
        return [photo["_id"] for photo in await self.db.photos.find({"owner": person}, {"_id": 1}).to_list(None)]

    async def erase_all_else(self, person: str) -> None:
        await self.db.swipes.delete_many({"swiper": person})
        await self.db.swipes.delete_many({"target": person})
        await self.db.devices.delete_many({"person": person})
        await self.db.profiles.update_many({"blocked": person}, {"$pull": {"blocked": person}})
        await self.db.reports.delete_many({"reported": person})
        # What they reported of others stays, without them.
        await self.db.reports.update_many({"reporter": person}, {"$unset": {"reporter": True}})
        await self.db.reports.update_many({"moderator": person}, {"$unset": {"moderator": True}})
        await self.db.profiles.delete_one({"_id": person})

    async def erase_account(self, person: str) -> None:
        """What was left of an account that is erased."""
        await self.db.matches.delete_many({"people": person})
        await self.db.accounts.delete_one({"_id": person})
