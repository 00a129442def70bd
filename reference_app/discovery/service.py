"""What GET /discovery answers: a deck's people as cards. Cards are shared by all who see them.

A changed profile replaces one card, in whichever decks it is.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from starlette.requests import HTTPConnection

from reference_app.dependencies import made_by, once_an_app
from reference_app.discovery.decks import FIRST, Decks
from reference_app.discovery.store import DiscoveryStore
from reference_app.platform import Redis, metrics, platform_of
from reference_app.platform.redis import Unavailable, values
from reference_app.profiles.service import ProfileService, card_key, profile_service

CARD_TTL_S = 600


@dataclass(frozen=True)
class DiscoveryService:
    decks: Decks
    profiles: ProfileService
    redis: Redis

    async def next_cards(self, person: str, limit: int) -> bytes:
        """The next `limit` people as a JSON document, assembled from cards that are JSON already."""
        deck = await self.decks.top(person, limit)
        cards = await self._cards([other for other, _ in deck])
        if gone := [other for other, _ in deck if other not in cards]:
            # Hidden since the deck was made: whoever is behind them moves up.
            await self.decks.take(person, *gone)
            deck = await self.decks.top(person, limit)
            cards = await self._cards([other for other, _ in deck])
        parts = (_card(score, cards[other]) for other, score in deck if other in cards)
        return b'{"cards":[' + b",".join(parts) + b"]}"

    async def _cards(self, people: list[str]) -> dict[str, bytes]:
        if not people:
            return {}
        if not self.decks.kept:
            return await self._made(people)
        try:
            cached = await values(self.redis, [card_key(person) for person in people])
        except Unavailable:
            return await self._made(people)
        cards = {person: card for person, card in zip(people, cached, strict=True) if card}
        metrics.cache_hit("cards", len(cards))
        if missing := [person for person in people if person not in cards]:
            metrics.cache_miss("cards", len(missing))
            made = await self._made(missing)
            with suppress(*Unavailable):
                await self._keep(made)
            cards |= made
        return cards

    async def _made(self, people: list[str]) -> dict[str, bytes]:
        documents = await self.profiles.store.get_many(people)
        visible = (document for document in documents if not document.get("hidden"))
        return {document["_id"]: self.profiles.seen(document).model_dump_json().encode() for document in visible}

    async def _keep(self, cards: dict[str, bytes]) -> None:
        async with self.redis.pipeline(transaction=False) as pipe:
            for person, card in cards.items():
                pipe.set(card_key(person), card, ex=CARD_TTL_S, nx=True)  # not over one that is forgotten
            await pipe.execute()


def _card(score: int, profile: bytes) -> bytes:
    distance_km, super_like = (score, b"false") if score >= 0 else (score - FIRST, b"true")
    return b'{"distance_km":%d,"super_like":%b,"profile":%b}' % (distance_km, super_like, profile)


@once_an_app
def discovery_service(connection: HTTPConnection) -> DiscoveryService:
    platform, profiles = platform_of(connection), profile_service(connection)
    background = connection.app.state.background
    store = DiscoveryStore.on(platform)
    decks = Decks(store, profiles.store, platform.redis, background, platform.settings.decks)
    return DiscoveryService(decks, profiles, platform.redis)


Discovery = Annotated[DiscoveryService, made_by(discovery_service)]
