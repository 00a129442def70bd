"""The query behind a deck."""

from dataclasses import dataclass
from datetime import date

from reference_app.platform import Database
from reference_app.platform.mongo import Document
from reference_app.profiles.store import stored_date

SWIPES_REMEMBERED = 20_000  # beyond this the oldest may be shown again: keeps the query's $nin bounded


@dataclass(frozen=True)
class DiscoveryStore:
    db: Database

    async def candidates(self, me: Document, today: date, limit: int) -> list[Document]:
        """People near `me` who fit each other's sex and my age range, nearest first, none already swiped.

        Returns their ids and locations.
        """
        wanted = me["preferences"]
        query = {
            "location": {
                "$nearSphere": {
                    "$geometry": me["location"],
                    "$maxDistance": wanted["distance_km"] * 1000,
                }
            },
            "_id": {"$nin": [me["_id"], *await self._swiped_by(me["_id"])]},
            "sex": {"$in": wanted["sexes"]},
            "preferences.sexes": me["sex"],
            "birth_date": {
                "$gt": stored_date(_years_before(today, wanted["age_max"] + 1)),
                "$lte": stored_date(_years_before(today, wanted["age_min"])),
            },
        }
        return await self.db.profiles.find(query, {"location": 1}).limit(limit).to_list(limit)

    async def _swiped_by(self, person_id: str) -> list[str]:
        cursor = self.db.swipes.find({"swiper": person_id}, {"_id": 0, "target": 1})
        return [swipe["target"] for swipe in await cursor.limit(SWIPES_REMEMBERED).to_list(SWIPES_REMEMBERED)]


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
