"""Devices in MongoDB, and which notifications have gone out."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from reference_app.platform import Database
from reference_app.platform.mongo import Document
from reference_app.push.schemas import PhoneSystem

DEVICES_MAX = 10  # of one person: each notification goes to all of them


def _sent_id(key: str, device_id: str) -> str:
    """Says that something was sent, but not to whom: it outlives a deleted account by a week."""
    return hashlib.sha256(f"{key}:{device_id}".encode()).hexdigest()


@dataclass(frozen=True)
class PushStore:
    db: Database

    async def put_device(self, person: str, token: str, system: PhoneSystem) -> str:
        """A phone belongs to whoever signed in there last; the oldest make room. Returns the device's id."""
        device_id = hashlib.sha256(token.encode()).hexdigest()[:32]
        device = {"person": person, "token": token, "system": system, "at": datetime.now(UTC)}
        await self.db.devices.update_one({"_id": device_id}, {"$set": device}, upsert=True)
        too_many = self.db.devices.find({"person": person}, {"_id": 1}).sort("at", DESCENDING).skip(DEVICES_MAX)
        if old := [device["_id"] for device in await too_many.to_list(None)]:
            await self.db.devices.delete_many({"_id": {"$in": old}, "person": person})
        return device_id

    async def devices_of(self, person: str) -> list[Document]:
        return await self.db.devices.find({"person": person}).sort("at", DESCENDING).limit(DEVICES_MAX).to_list(None)

    async def remove_device(self, device_id: str, person: str) -> bool:
        return bool((await self.db.devices.delete_one({"_id": device_id, "person": person})).deleted_count)

    async def is_sent(self, key: str, device_id: str) -> bool:
        return await self.db.notifications.find_one({"_id": _sent_id(key, device_id)}) is not None

    async def note_sent(self, key: str, device_id: str) -> None:
        try:
            await self.db.notifications.insert_one({"_id": _sent_id(key, device_id), "at": datetime.now(UTC)})
        except DuplicateKeyError:  # the same job ran twice at once
            return
