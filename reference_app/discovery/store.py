"""The query behind a deck."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Self

from reference_app.platform import Database, Platform
from reference_app.platform.mongo import Document, aggregate
from reference_app.profiles.distance import haversine_km
from reference_app.profiles.schemas import age_on
from reference_app.profiles.store import VISIBLE, stored_date

SWIPES_REMEMBERED = 20_000  # beyond this the oldest may be shown again: keeps the query's $nin bounded


@dataclass(frozen=True)
class DiscoveryStore:
    db: Database
    stale: Database
    geo_index: bool

    @classmethod
    def on(cls, platform: Platform) -> Self:
        return cls(platform.db, platform.stale, platform.settings.geo_index)

    async def candidates(self, me: Document, today: date, limit: int) -> list[Document]:
        """People near `me` who are what I want as I am what they want, nearest first, none already swiped.

        Nobody who is hidden, nor anybody whom I have blocked or who has blocked me. Returns ids and locations.
        """
        seen = await self._swiped_by(me["_id"])
        return await self._meeting(me, today, {"$nin": [me["_id"], *me.get("blocked", ()), *seen]}, limit)

    async def super_likers(self, me: Document, today: date, limit: int) -> list[Document]:
        """Those of `candidates` who have sent `me` a super-like, wherever in the deck they would be."""
        sent = self.db.swipes.find({"target": me["_id"], "super": True}, {"_id": 0, "swiper": 1})
        swipers = [swipe["swiper"] for swipe in await sent.sort("at", -1).limit(limit).to_list(limit)]
        if not swipers:
            return []
        seen = {*await self._swiped_by(me["_id"], among=swipers), *me.get("blocked", ())}
        return await self._meeting(me, today, {"$in": [swiper for swiper in swipers if swiper not in seen]}, limit)

    async def not_to_meet(self, me: Document, others: Collection[str]) -> set[str]:
        """Those of `others` whom I have swiped on or blocked, who have blocked me, or are hidden."""
        if not others:
            return set()
        query = {"_id": {"$in": list(others)}, "$nor": [_meetable(me["_id"])]}
        gone = {*await self._swiped_by(me["_id"], among=others), *me.get("blocked", ())}
        gone.update([profile["_id"] async for profile in self.db.profiles.find(query, {"_id": 1})])
        return gone.intersection(others)

    async def _meeting(self, me: Document, today: date, ids: Document, limit: int) -> list[Document]:
        wanted, age = me["preferences"], age_on(today, me["birth_date"].date())
        query = {
            "_id": ids,
            "sex": {"$in": wanted["sexes"]},
            "birth_date": {
                "$gt": stored_date(_years_before(today, wanted["age_max"] + 1)),
                "$lte": stored_date(_years_before(today, wanted["age_min"])),
            },
            "preferences.sexes": me["sex"],
            "preferences.age_min": {"$lte": age},
            "preferences.age_max": {"$gte": age},
            **_meetable(me["_id"]),
        }
        find = self._nearest if self.geo_index else self._nearest_of_all
        return await find(me["location"], wanted["distance_km"], query, limit)

    async def _nearest(self, place: Document, distance_km: int, query: Document, limit: int) -> list[Document]:
        """From the index. Whoever is here a moment too late is in the next deck: a replica may answer."""
        near = {
            "near": place,
            "key": "location",
            "distanceField": "metres",
            "maxDistance": distance_km * 1000,
            "query": query,
        }
        within_theirs = {"$expr": {"$lte": ["$metres", {"$multiply": ["$preferences.distance_km", 1000]}]}}
        stages = ({"$geoNear": near}, {"$match": within_theirs}, {"$limit": limit}, {"$project": {"location": 1}})
        return await aggregate(self.stale.profiles, stages)

    async def _nearest_of_all(self, place: Document, distance_km: int, query: Document, limit: int) -> list[Document]:
        """The same without an index: everybody who fits is fetched, and sorted here."""
        query = query | {"location": {"$exists": True}}
        found = await self.stale.profiles.find(query, {"location": 1, "preferences.distance_km": 1}).to_list(None)
        by_distance = sorted((haversine_km(place, other["location"]), other["_id"], other) for other in found)
        near = (other for km, _, other in by_distance if km <= min(distance_km, other["preferences"]["distance_km"]))
        return list(itertools.islice(near, limit))

    async def _swiped_by(self, person_id: str, among: Collection[str] | None = None) -> list[str]:
        query: Document = {"swiper": person_id}
        if among is not None:
            query["target"] = {"$in": list(among)}
        cursor = self.db.swipes.find(query, {"_id": 0, "target": 1})
        return [swipe["target"] for swipe in await cursor.limit(SWIPES_REMEMBERED).to_list(SWIPES_REMEMBERED)]


def _meetable(by: str) -> Document:
    """Profiles that are visible and have not blocked `by`."""
    return {"blocked": {"$ne": by}, **VISIBLE}


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
