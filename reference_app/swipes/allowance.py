"""How many likes somebody has left today (UTC). Counted in Redis; counted anew from MongoDB when Redis was wiped."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from reference_app.errors import LikesUsedUp
from reference_app.platform import Redis
from reference_app.platform.redis import Unavailable
from reference_app.swipes.schemas import Kind
from reference_app.swipes.store import SwipeStore

_LIMITED = (Kind.LIKE, Kind.SUPER_LIKE)


def allowance_key(person: str, kind: Kind) -> str:
    """Redis: how many of a kind a person has used today; gone at midnight."""
    return f"used:{kind}:{person}"


def allowance_keys(person: str) -> list[str]:
    return [allowance_key(person, kind) for kind in _LIMITED]


@dataclass(frozen=True)
class Allowance:
    redis: Redis
    store: SwipeStore
    per_day: dict[Kind, int]

    async def take(self, person: str, kind: Kind, now: datetime) -> None:
        """Use one, for a swipe that is timed after this. Raises LikesUsedUp when there is none; passes are free.

        While Redis is away MongoDB is counted, and the few of that time may be given once more afterwards.
        """
        if kind not in _LIMITED:
            return
        today = datetime.combine(now.date(), time(), UTC)
        try:
            used = await self._take(person, kind, today, now)
        except Unavailable:
            await self.count_anew(person, kind)
            used = await self.store.count(person, kind, today, now) + 1
        if used > self.per_day[kind]:
            left_s = (today + timedelta(days=1) - now).total_seconds()
            raise LikesUsedUp(kind.replace("_", "-") + "s", retry_after_s=int(left_s) + 1)

    async def _take(self, person: str, kind: Kind, today: datetime, now: datetime) -> int:
        """Returns how many are used, this one counted."""
        key, tomorrow = allowance_key(person, kind), today + timedelta(days=1)
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expireat(key, tomorrow, nx=True)
            used, fresh = await pipe.execute()
        # The first of the day, or since Redis was wiped. Those that came at the same moment have a later time.
        if fresh:
            try:
                before = await self.store.count(person, kind, today, now)
            except Exception:
                await self.count_anew(person, kind)
                raise
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.incrby(key, before)
                pipe.expireat(key, tomorrow)  # a failure elsewhere may have deleted it: it is not counted once more
                used, _ = await pipe.execute()
        if used > self.per_day[kind]:
            await self.redis.decr(key)
        return int(used)

    async def count_anew(self, person: str, kind: Kind) -> None:
        """Whether the last one was used is not known: the next one counts what MongoDB has."""
        if kind in _LIMITED:
            with suppress(*Unavailable):
                await self.redis.delete(allowance_key(person, kind))

    async def give_back(self, person: str, kind: Kind, at: datetime) -> None:
        """One that was used at that time was not used after all."""
        key = allowance_key(person, kind)
        if kind in _LIMITED and at.date() == datetime.now(UTC).date():
            with suppress(*Unavailable):
                if await self.redis.exists(key):
                    await self.redis.decr(key)
