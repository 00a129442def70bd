"""How often something may happen: counted in Redis where that must hold for all processes, else in each process."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from reference_app.platform.redis import Redis


@dataclass(frozen=True)
class Limit:
    """So many within so many seconds, counted from the first."""

    most: int
    within_s: int


@dataclass
class InProcess:
    """A limit for each of many keys, for what happens on every request.

    A window begins for all keys at once, so that what it counts is forgotten in one go: whoever times it well gets
    twice as many. The memory store of the library `limits` (5.8) looks through all its keys in a thread, a hundred
    times a second: 127 µs of CPU for each hit at 10,000 keys, where this takes less than one.
    """

    limit: Limit

    def __post_init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._ends_s = 0.0

    def used_up(self, key: str) -> bool:
        """Whether nothing is left, without counting."""
        return time.monotonic() < self._ends_s and self._counts[key] >= self.limit.most

    def take(self, key: str) -> bool:
        """Count one more. False when there were too many."""
        now_s = time.monotonic()
        if now_s >= self._ends_s:
            self._counts.clear()
            self._ends_s = now_s + self.limit.within_s
        self._counts[key] += 1
        return self._counts[key] <= self.limit.most

    @property
    def left_s(self) -> int:
        """Until the window ends."""
        return max(1, round(self._ends_s - time.monotonic()))


async def take(redis: Redis, limits: Mapping[str, Limit]) -> int:
    """Count one more for each key of Redis. Returns in how many seconds there is room again: 0 when there is now."""
    async with redis.pipeline(transaction=False) as pipe:
        for key, limit in limits.items():
            pipe.incr(key)
            pipe.expire(key, limit.within_s, nx=True)
            pipe.ttl(key)
        answers = await pipe.execute()
    counted = zip(limits.values(), answers[::3], answers[2::3], strict=True)
    return max((max(1, int(left_s)) for limit, count, left_s in counted if int(count) > limit.most), default=0)
