"""Photos' states in MongoDB, and the keys of their files."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from reference_app.platform import Database
from reference_app.platform.mongo import Document


def upload_key(photo_id: str) -> str:
    return f"uploads/{photo_id}"


def media_key(photo_id: str, variant: str) -> str:
    """Below media/ everything is public; ids cannot be guessed."""
    return f"media/{photo_id}/{variant}.jpg"


@dataclass(frozen=True)
class PhotoStore:
    db: Database

    async def create(self, owner: str) -> str:
        photo_id = secrets.token_hex(12)
        await self.db.photos.insert_one({"_id": photo_id, "owner": owner, "state": "pending", "at": datetime.now(UTC)})
        return photo_id

    async def get(self, photo_id: str) -> Document | None:
        return await self.db.photos.find_one({"_id": photo_id})

    async def set_state(self, photo_id: str, state: str) -> None:
        await self.db.photos.update_one({"_id": photo_id}, {"$set": {"state": state}})
