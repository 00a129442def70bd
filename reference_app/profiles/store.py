"""Profiles in MongoDB: one document a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property

from reference_app.platform import Database, Grouped, grouped_reads
from reference_app.platform.mongo import Document
from reference_app.profiles.distance import roughly
from reference_app.profiles.schemas import Location, Preferences


def new_profile(person_id: str) -> Document:
    """The document of somebody who has just signed in for the first time. No location: not discoverable."""
    return {
        "_id": person_id,
        "name": "",
        "sex": None,
        "birth_date": None,
        "bio": "",
        "preferences": Preferences().model_dump(mode="json"),
        "photos": [],
        "blocked": [],
    }


# Neither suspended nor being deleted.
VISIBLE: Document = {"hidden": None}


def may_see(viewer: Document, other: Document) -> bool:
    """Whether somebody may see another's profile: not when it is hidden, nor when either has blocked the other."""
    if viewer["_id"] == other["_id"]:
        return True
    blocked = other["_id"] in viewer.get("blocked", ()) or viewer["_id"] in other.get("blocked", ())
    return not blocked and not other.get("hidden")


def stored_date(day: date) -> datetime:
    """MongoDB has no date: midnight UTC of that day."""
    return datetime.combine(day, time(), UTC)


def point(location: Location) -> Document:
    """GeoJSON, longitude first: about where somebody is. Where exactly is stored nowhere."""
    latitude, longitude = roughly(location.latitude, location.longitude)
    return {"type": "Point", "coordinates": [longitude, latitude]}


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

    async def can_be_met(self, person_id: str, by: str) -> bool:
        """Whether there is such a person, visible, who has not blocked `by`."""
        return await self._meetings.ask((person_id, by))

    @cached_property
    def _meetings(self) -> Grouped[tuple[str, str], bool]:
        return grouped_reads(self._can_be_met)

    async def _can_be_met(self, pairs: Sequence[tuple[str, str]]) -> Sequence[bool]:
        people, askers = ({pair[side] for pair in pairs} for side in (0, 1))
        blocked = {"blocked": {"$setIntersection": ["$blocked", list(askers)]}}
        cursor = self.db.profiles.find({"_id": {"$in": list(people)}, **VISIBLE}, blocked)
        found = {profile["_id"]: profile["blocked"] or () for profile in await cursor.to_list(None)}
        return [person in found and by not in found[person] for person, by in pairs]

    async def update(self, person_id: str, changes: Document, where: Document | None = None) -> bool:
        """False, with nothing changed, where the profile is not as `where` says."""
        if not changes:
            return True
        query = {"_id": person_id, **(where or {})}
        return bool((await self.db.profiles.update_one(query, {"$set": changes})).matched_count)

    async def add_photo(self, person_id: str, photo_id: str) -> None:
        """Append a photo; doing it twice adds it once."""
        await self.db.profiles.update_one({"_id": person_id}, {"$addToSet": {"photos": photo_id}})

    async def remove_photo(self, person_id: str, photo_id: str) -> None:
        await self.db.profiles.update_one({"_id": person_id}, {"$pull": {"photos": photo_id}})

    async def order_photos(self, person_id: str, photo_ids: list[str]) -> bool:
        """Put all photos into this order. False when these are not just the photos that there are."""
        # The same photos: as many, all of them among those that are there. Checked and changed in one step.
        those: Document = {"$size": len(photo_ids)} | ({"$all": photo_ids} if photo_ids else {})
        query = {"_id": person_id, "photos": those}
        return bool((await self.db.profiles.update_one(query, {"$set": {"photos": photo_ids}})).matched_count)
