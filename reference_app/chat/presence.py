"""Who is online: kept in Redis, and gone by itself when a process dies."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from reference_app.platform import Platform, Redis
from reference_app.platform.redis import Unavailable


def presence_key(person: str) -> str:
    """Redis: a person's open sockets, on whichever process and phone, each with the second until which it counts."""
    return f"sockets:{person}"


@dataclass(frozen=True)
class Presence:
    redis: Redis
    ttl_s: int

    @classmethod
    def on(cls, platform: Platform) -> "Presence":
        return cls(platform.redis, platform.settings.presence_ttl_s)

    async def seen(self, person: str, socket: str) -> None:
        """This socket is open, and counts until its next ping is overdue."""
        key = presence_key(person)
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.zadd(key, {socket: time.time() + self.ttl_s})
            pipe.expire(key, self.ttl_s)
            await pipe.execute()

    async def gone(self, person: str, socket: str) -> None:
        await self.redis.zrem(presence_key(person), socket)

    async def online(self, people: Sequence[str]) -> list[bool]:
        """Nobody, when Redis cannot tell."""
        if not people:
            return []
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for person in people:
                    pipe.zcount(presence_key(person), time.time(), "+inf")
                return [sockets > 0 for sockets in await pipe.execute()]
        except Unavailable:
            return [False] * len(people)
