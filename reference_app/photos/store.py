"""Photos' states in MongoDB, and the keys of their files."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import ReturnDocument

from reference_app.photos.schemas import State
from reference_app.platform import Database
from reference_app.platform.mongo import Document
from reference_app.platform.objects import UPLOADS


def upload_key(photo_id: str) -> str:
    return f"{UPLOADS}{photo_id}"


def media_key(photo_id: str, file_name: str) -> str:
    """Below media/ everything is public; ids cannot be guessed."""
    return f"media/{photo_id}/{file_name}"


@dataclass(frozen=True)
class PhotoStore:
    db: Database

    async def create(self, owner: str) -> str:
        photo_id = secrets.token_hex(12)
        new = {"_id": photo_id, "owner": owner, "state": State.PENDING, "at": datetime.now(UTC)}
        await self.db.photos.insert_one(new)
        return photo_id

    async def get(self, photo_id: str) -> Document | None:
        return await self.db.photos.find_one({"_id": photo_id})

    async def count(self, owner: str) -> int:
        """All that are not deleted, refused ones too: whoever could upload without end would be tried without end."""
        return await self.db.photos.count_documents({"owner": owner, "state": {"$ne": State.DELETED}})

    async def of(self, owner: str) -> list[Document]:
        """All that the owner may see, oldest first."""
        cursor = self.db.photos.find({"owner": owner, "state": {"$ne": State.DELETED}})
        return await cursor.sort("at", 1).to_list(None)

    async def in_state(self, state: State, limit: int, before: datetime | None = None) -> list[Document]:
        """The oldest in a state; those that came into it before some time."""
        query: Document = {"state": state} | ({"at": {"$lt": before}} if before else {})
        return await self.db.photos.find(query).sort("at", 1).limit(limit).to_list(limit)

    async def with_files_left(self, limit: int, before: datetime) -> list[Document]:
        """The oldest that were rejected before some time, and whose files may still be there."""
        query: Document = {"files_left": True, "at": {"$lt": before}}
        return await self.db.photos.find(query).sort("at", 1).limit(limit).to_list(limit)

    async def reject(self, photo_id: str) -> bool:
        """From review to rejected, with a note that its files are to be removed. False in any other state."""
        change = {"state": State.REJECTED, "at": datetime.now(UTC), "files_left": True}
        waiting = {"_id": photo_id, "state": State.IN_REVIEW}
        return bool((await self.db.photos.update_one(waiting, {"$set": change})).matched_count)

    async def note_erased(self, photo_id: str) -> None:
        await self.db.photos.update_one({"_id": photo_id}, {"$unset": {"files_left": True}})

    async def change(self, photo_id: str, to: State, of: Sequence[State]) -> Document | None:
        """Move a photo on, from one of these states. Returns it; None when it is in another, or gone."""
        return await self.db.photos.find_one_and_update(
            {"_id": photo_id, "state": {"$in": list(of)}},
            {"$set": {"state": to, "at": datetime.now(UTC)}},
            return_document=ReturnDocument.AFTER,
        )

    async def remove(self, photo_id: str) -> None:
        await self.db.photos.delete_one({"_id": photo_id})
