"""Decks: whom a person is shown next, as a sorted set of ids by distance.

A deck is computed ahead: when few are left, more are found while the person looks at those. A swipe takes one id out of
one deck, so it costs no new one.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from reference_app.background import Background
from reference_app.discovery.store import DiscoveryStore
from reference_app.errors import Conflict
from reference_app.platform import Grouped, Redis, grouped_reads, metrics
from reference_app.platform.mongo import Document
from reference_app.platform.redis import Unavailable, text
from reference_app.profiles.distance import rounded_distance_km
from reference_app.profiles.service import deck_key, deck_keys, forget_deck, next_deck_key, nobody_key
from reference_app.profiles.store import ProfileStore

log = logging.getLogger(__name__)
DECK_SIZE = 100  # a heavy session has about 60 swipes: one query serves it
SUPER_LIKES_SHOWN = 20
# About as long as a session. So long somebody who has changed whom they want, or has moved, may be in others' decks.
DECK_TTL_S = 600
REFILL_BELOW = 20  # the cards of one request: five seconds each
# So long nobody is looked for again when there were no more, or none at all: they do not move that fast.
REFILL_AGAIN_AFTER_S, NOBODY_AGAIN_AFTER_S = 60, 10
# Added to a distance: whoever sent a super-like comes before everybody else.
FIRST = -100_000

LOOKED_FOR_BY = ("location", "preferences", "sex", "birth_date")  # of whoever looks
Entry = tuple[str, int]  # a person's id, and a distance in kilometres, from FIRST for a super-like


def refilled_key(person: str) -> str:
    """Redis: there while no more people are looked for."""
    return f"refilled:{person}"


@dataclass(frozen=True)
class Decks:
    store: DiscoveryStore
    profiles: ProfileStore
    redis: Redis
    background: Background
    kept: bool  # in Redis; else each is computed for its request

    async def top(self, person: str, limit: int) -> list[Entry]:
        """The next people. Raises Conflict when it is not known whom they might like."""
        if not self.kept:
            return await self._computed(person, limit)
        try:
            return await self._top(person, limit)
        except Unavailable as error:
            log.warning("A deck is computed for one request: %s", error)
            return await self._computed(person, limit)

    async def _top(self, person: str, limit: int) -> list[Entry]:
        entries, left = await self._kept(person, limit)
        if entries:
            metrics.cache_hit("decks")
        else:
            metrics.cache_miss("decks")
            found = await self._looked_for(person)
            entries, left = found[:limit], len(found)
        if 0 < left <= REFILL_BELOW:
            self.background.start(self._refill(person))
        return entries

    async def _looked_for(self, person: str) -> list[Entry]:
        """Those of a new deck; none when nobody was found just now: whoever has swiped on everybody costs most."""
        if await self.redis.exists(nobody_key(person)):
            return []
        found = await self._filled(person)
        if not found:
            await self.redis.set(nobody_key(person), b"1", ex=NOBODY_AGAIN_AFTER_S)
        return found

    async def take(self, person: str, *others: str) -> None:
        """Take people out of a deck. While Redis is away they stay in it, as long as a deck lasts."""
        if self.kept and others:
            with suppress(*Unavailable):
                await self._takes.ask((person, others))

    @cached_property
    def _takes(self) -> Grouped[tuple[str, Sequence[str]], None]:
        async def ask(takes: Sequence[tuple[str, Sequence[str]]]) -> Sequence[None]:
            async with self.redis.pipeline(transaction=False) as pipe:
                for person, others in takes:
                    for key in deck_keys(person):
                        pipe.zrem(key, *others)
                await pipe.execute()
            return [None] * len(takes)

        return grouped_reads(ask)

    async def forget(self, person: str) -> None:
        """Compute the next deck anew. While Redis is away the old one stays, as long as a deck lasts."""
        with suppress(*Unavailable):
            await forget_deck(self.redis, person)

    async def _kept(self, person: str, limit: int) -> tuple[list[Entry], int]:
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(deck_key(person), 0, limit - 1, withscores=True)
            pipe.zcard(deck_key(person))
            rows, left = await pipe.execute()
        return [(text(member), int(score)) for member, score in rows], left

    async def _computed(self, person: str, limit: int) -> list[Entry]:
        entries = await self._found(await self._who(person), limit)
        gone = await self._gone(await self._who(person), entries)
        return [entry for entry in entries if entry[0] not in gone]

    async def _who(self, person: str) -> Document:
        me = await self.profiles.get(person)
        if not me or not me.get("location") or not me["sex"] or not me["birth_date"]:
            raise Conflict("Set your sex and birth date with PATCH /me, and your place with PUT /me/location first.")
        return me

    async def _found(self, me: Document, limit: int) -> list[Entry]:
        near = await self.store.candidates(me, date.today(), limit)
        entries = {other["_id"]: _distance_km(me, other) for other in near}
        for other in await self.store.super_likers(me, date.today(), SUPER_LIKES_SHOWN):
            entries[other["_id"]] = FIRST + _distance_km(me, other)
        # In the order that Redis will give: by score, then by id.
        return sorted(entries.items(), key=lambda entry: (entry[1], entry[0]))

    async def _filled(self, person: str) -> list[Entry]:
        """Find people, and make those who are still to be met the deck. Returns them.

        Not who was swiped, blocked or hidden between the query and now, or before it: a replica that is behind may have
        answered. So the entries are checked once they are in the next deck, where whoever swipes or blocks from then on
        takes them out; only then does it become the deck. A person who has moved meanwhile is looked at again.
        """
        me = await self._who(person)
        while True:
            entries = await self._found(me, DECK_SIZE)
            await self._prepare(person, entries)
            before, me = me, await self._who(person)
            if all(before[name] == me[name] for name in LOOKED_FOR_BY):
                break
        gone = await self._gone(me, entries)
        async with self.redis.pipeline(transaction=True) as pipe:
            if gone:
                pipe.zrem(next_deck_key(person), *gone)
            # Not ZUNIONSTORE: where its keys stand must be asked, which redis-py does in another event loop.
            pipe.zrangestore(deck_key(person), next_deck_key(person), 0, -1)
            pipe.expire(deck_key(person), DECK_TTL_S)
            pipe.delete(next_deck_key(person))
            await pipe.execute()
        return [entry for entry in entries if entry[0] not in gone]

    async def _prepare(self, person: str, entries: list[Entry]) -> None:
        key = next_deck_key(person)
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            if entries:
                pipe.zadd(key, dict(entries))
                pipe.expire(key, DECK_TTL_S)
            await pipe.execute()

    async def _gone(self, me: Document, entries: list[Entry]) -> set[str]:
        return await self.store.not_to_meet(me, [other for other, _ in entries])

    async def _refill(self, person: str) -> None:
        if await self.redis.set(refilled_key(person), b"1", ex=REFILL_AGAIN_AFTER_S, nx=True):
            await self._filled(person)


def _distance_km(me: Document, other: Document) -> int:
    return rounded_distance_km(me, other) or 1
