"""Decks. A deck is a sorted set of person ids by distance; cards are shared by all who see them.

A swipe takes one id out of one deck, and a changed profile replaces one card, so neither costs a new deck.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from reference_app.discovery.store import DiscoveryStore
from reference_app.errors import Conflict
from reference_app.platform import Redis, metrics, platform_of
from reference_app.platform.mongo import Document
from reference_app.platform.redis import text, values
from reference_app.profiles.service import (
    ProfileService,
    card_key,
    deck_key,
    profile_service,
    rounded_distance_km,
)

DECK_SIZE = 100  # a heavy session has about 60 swipes: one query serves it
SUPER_LIKES_SHOWN = 20
# Added to a distance in a deck's sorted set: whoever sent a super-like comes before everybody else.
_FIRST = -100_000
DECK_TTL_S = 1800
CARD_TTL_S = 600


@dataclass(frozen=True)
class DiscoveryService:
    store: DiscoveryStore
    profiles: ProfileService
    redis: Redis

    async def next_cards(self, person_id: str, limit: int) -> bytes:
        """The next `limit` people as a JSON document, assembled from cards that are JSON already."""
        deck = await self._top(person_id, limit)
        if deck:
            metrics.cache_hit("decks")
        else:
            metrics.cache_miss("decks")
            deck = (await self._compute(person_id))[:limit]
        cards = await self._cards([other for other, _ in deck])
        parts = (_card(score, cards[other]) for other, score in deck if other in cards)
        return b'{"cards":[' + b",".join(parts) + b"]}"

    async def take(self, person_id: str, other_id: str) -> bool:
        """Take somebody out of a deck. False when they were not in it."""
        return bool(await self.redis.zrem(deck_key(person_id), other_id))

    async def forget(self, person_id: str) -> None:
        """Compute the next deck anew."""
        await self.redis.delete(deck_key(person_id))

    async def _top(self, person_id: str, limit: int) -> list[tuple[str, int]]:
        rows: Any = await self.redis.zrange(deck_key(person_id), 0, limit - 1, withscores=True)
        return [(text(member), int(score)) for member, score in rows]

    async def _compute(self, person_id: str) -> list[tuple[str, int]]:
        me = await self.profiles.store.get(person_id)
        if not me or not me.get("location") or not me["sex"] or not me["birth_date"]:
            raise Conflict("Set your sex and birth date with PATCH /me, and your place with PUT /me/location first.")
        found = await self.store.candidates(me, date.today(), DECK_SIZE)
        deck = {other["_id"]: _distance_km(me, other) for other in found}
        for other in await self.store.super_likers(me, date.today(), SUPER_LIKES_SHOWN):
            deck[other["_id"]] = _FIRST + _distance_km(me, other)
        if deck:
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.delete(deck_key(person_id))
                pipe.zadd(deck_key(person_id), deck)
                pipe.expire(deck_key(person_id), DECK_TTL_S)
                await pipe.execute()
        # In the order that Redis will give: by score, then by id.
        return sorted(deck.items(), key=lambda entry: (entry[1], entry[0]))

    async def _cards(self, person_ids: list[str]) -> dict[str, bytes]:
        if not person_ids:
            return {}
        cached = await values(self.redis, [card_key(person) for person in person_ids])
        cards = {person: card for person, card in zip(person_ids, cached, strict=True) if card}
        metrics.cache_hit("cards", len(cards))
        if missing := [person for person in person_ids if person not in cards]:
            metrics.cache_miss("cards", len(missing))
            cards |= await self._make_cards(await self.profiles.store.get_many(missing))
        return cards

    async def _make_cards(self, documents: Iterable[Document]) -> dict[str, bytes]:
        visible = (document for document in documents if not document.get("hidden"))
        cards = {d["_id"]: self.profiles.seen(d).model_dump_json().encode() for d in visible}
        async with self.redis.pipeline(transaction=False) as pipe:
            for person, card in cards.items():
                pipe.set(card_key(person), card, ex=CARD_TTL_S)
            await pipe.execute()
        return cards


def _distance_km(me: Document, other: Document) -> int:
    return rounded_distance_km(me, other) or 1


def _card(score: int, profile: bytes) -> bytes:
    distance_km, super_like = (score, b"false") if score >= 0 else (score - _FIRST, b"true")
    return b'{"distance_km":%d,"super_like":%b,"profile":%b}' % (distance_km, super_like, profile)


def discovery_service(connection: HTTPConnection) -> DiscoveryService:
    platform = platform_of(connection)
    return DiscoveryService(DiscoveryStore(platform.db), profile_service(connection), platform.redis)


Discovery = Annotated[DiscoveryService, Depends(discovery_service)]
