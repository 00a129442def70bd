"""Profiles in MongoDB: one document a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from reference_app.platform import Database
from reference_app.platform.mongo import Document
from reference_app.profiles.schemas import Location, Preferences


def new_profile(person_id: str) -> Document:
    """The document of somebody who has just signed in for the first time. No location: not discoverable."""
    return {
        "_id": person_id,
        "name": "",
        "sex": None,
        "birth_date": None,
        "bio": "",
        "preferences": Preferences().model_dump(),
        "photos": [],
    }


def stored_date(day: date) -> datetime:
    """MongoDB has no date: midnight UTC of that day."""
    return datetime.combine(day, time(), UTC)


def point(location: Location) -> Document:
    """GeoJSON: longitude comes first."""
    return {"type": "Point", "coordinates": [location.longitude, location.latitude]}


@dataclass(frozen=True)
class ProfileStore:
    db: Database

    async def ensure(self, person_id: str) -> None:
        """Make an empty profile unless there is one."""
        document = new_profile(person_id)
        await self.db.profiles.update_one({"_id": document.pop("_id")}, {"$setOnInsert": document}, upsert=True)

    async def get(self, person_id: str) -> Document | None:
        return await self.db.profiles.find_one({"_id": person_id})

    async def get_many(self, person_ids: Iterable[str]) -> list[Document]:
        ids = list(person_ids)
        return await self.db.profiles.find({"_id": {"$in": ids}}).to_list(len(ids)) if ids else []

    async def exists(self, person_id: str) -> bool:
        return await self.db.profiles.find_one({"_id": person_id}, {"_id": 1}) is not None

    async def update(self, person_id: str, changes: dict[str, Any]) -> None:
        if changes:
            await self.db.profiles.update_one({"_id": person_id}, {"$set": changes})

    async def add_photo(self, person_id: str, photo_id: str) -> None:
        """Append a photo; doing it twice adds it once."""
        await self.db.profiles.update_one({"_id": person_id}, {"$addToSet": {"photos": photo_id}})
