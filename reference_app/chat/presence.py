"""Who is online: kept in Redis, and gone by itself when a process dies."""

from collections.abc import Sequence
from dataclasses import dataclass

from reference_app.platform import Platform, Redis
from reference_app.platform.redis import values


def presence_key(person: str) -> str:
    """Redis: there while a person has a socket open somewhere."""
    return f"presence:{person}"


@dataclass(frozen=True)
class Presence:
    redis: Redis
    ttl_s: int

    @classmethod
    def on(cls, platform: Platform) -> "Presence":
        return cls(platform.redis, platform.settings.presence_ttl_s)

    async def seen(self, person: str) -> None:
        await self.redis.set(presence_key(person), b"1", ex=self.ttl_s)

    async def gone(self, person: str) -> None:
        await self.redis.delete(presence_key(person))

    async def online(self, people: Sequence[str]) -> list[bool]:
        return [value is not None for value in await values(self.redis, [presence_key(p) for p in people])]
