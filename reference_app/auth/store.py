"""Accounts and sessions in MongoDB, sessions cached in Redis, codes only there. Phones, codes and tokens as HMACs."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from reference_app.platform import Database, Grouped, Platform, Redis, grouped_reads, metrics
from reference_app.platform.limits import Limit, take
from reference_app.platform.mongo import Document
from reference_app.platform.redis import Unavailable, text, values

OTP_TTL_S = 600
# Twilio Verify's figures: 10 minutes, 5 sends, 5 checks of each. The day bounds how often a stranger may guess (100 of
# a million codes) and how often a phone may be sent to. They count since the last sign-in.
PHONE_SENDS = {"sends": Limit(5, OTP_TTL_S), "sends-day": Limit(20, 86_400)}
PHONE_CHECKS = {"checks": Limit(5, OTP_TTL_S)}
# Of an address, behind which a whole family or company may be: sends cost money.
ADDRESS_SENDS = {"sends": Limit(30, OTP_TTL_S), "sends-day": Limit(200, 86_400)}
ADDRESS_CHECKS = {"checks": Limit(60, OTP_TTL_S)}
TICKET_TTL_S = 30
NO_CODE = "0" * 64  # what no HMAC is; as long as one, so that comparing takes as long
# How long a session that ended while another process was looking it up may live on, at most.
SESSION_CACHE_S = 600


def keyed_hash(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _limits_of(kind: str, who: str, limits: Mapping[str, Limit]) -> dict[str, Limit]:
    return {_key(what, who, kind): limit for what, limit in limits.items()}


def _key(what: str, who: str, kind: str = "phone") -> str:
    # The braces keep all keys of a phone in one slot of a cluster, so that they can change together.
    return f"otp:{{{kind}:{who}}}:{what}"


def new_session(token_hmac: str, person_id: str, ttl_s: int) -> Document:
    return {"_id": token_hmac, "person": person_id, "ends_at": datetime.now(UTC) + timedelta(seconds=ttl_s)}


@dataclass(frozen=True)
class AuthStore:
    db: Database
    redis: Redis
    cached: bool  # sessions, in Redis

    @classmethod
    def on(cls, platform: Platform) -> "AuthStore":
        return cls(platform.db, platform.redis, platform.settings.session_store)

    async def take_send(self, phone_hmac: str, address: str | None) -> int:
        """Count one more code. Returns in how many seconds there may be another: 0 when this one may be."""
        return await self._take(phone_hmac, PHONE_SENDS, address, ADDRESS_SENDS)

    async def take_check(self, phone_hmac: str, address: str | None) -> int:
        """The same for a guess."""
        return await self._take(phone_hmac, PHONE_CHECKS, address, ADDRESS_CHECKS)

    async def _take(
        self, phone_hmac: str, of_phone: Mapping[str, Limit], address: str | None, of_address: Mapping[str, Limit]
    ) -> int:
        limits = _limits_of("phone", phone_hmac, of_phone)
        if address:
            limits |= _limits_of("address", address, of_address)
        return await take(self.redis, limits)

    async def put_code(self, phone_hmac: str, code_hmac: str) -> None:
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(_key("code", phone_hmac), code_hmac, ex=OTP_TTL_S)
            pipe.delete(_key("checks", phone_hmac))
            await pipe.execute()

    async def code(self, phone_hmac: str) -> str:
        """The HMAC of the code that waits for this phone; NO_CODE when there is none."""
        return text(await self.redis.get(_key("code", phone_hmac)) or NO_CODE)

    async def use_code(self, phone_hmac: str) -> bool:
        """Spend the code. False when somebody else was faster."""
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(_key("code", phone_hmac))
            pipe.delete(*(_key(what, phone_hmac) for what in (*PHONE_SENDS, *PHONE_CHECKS)))
            spent, _ = await pipe.execute()
        return bool(spent)

    async def account(self, phone_hmac: str) -> Document:
        """The account with this phone, made on first sign-in."""
        try:
            account = await self.db.accounts.find_one_and_update(
                {"phone_hmac": phone_hmac},
                {"$setOnInsert": {"_id": secrets.token_hex(12)}},  # none that counts: others' could be guessed
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:  # two first sign-ins at once: the other one made it
            account = await self.db.accounts.find_one({"phone_hmac": phone_hmac})
        assert account is not None
        return account

    async def account_of(self, person_id: str) -> Document | None:
        return await self.db.accounts.find_one({"_id": person_id})

    async def put_session(self, token_hmac: str, person_id: str, ttl_s: int) -> None:
        await self.db.sessions.insert_one(new_session(token_hmac, person_id, ttl_s))
        await self._cache(token_hmac, person_id)

    async def session(self, token_hmac: str) -> str | None:
        """Whose session it is: from Redis, or from MongoDB when it is not there."""
        cached = self.cached
        if cached:
            try:
                if person_id := await self._cached_sessions.ask(token_hmac):
                    metrics.cache_hit("sessions")
                    return text(person_id)
            except Unavailable:
                cached = False
        found = await self.db.sessions.find_one({"_id": token_hmac, "ends_at": {"$gt": datetime.now(UTC)}})
        if found is None:
            return None
        if cached:
            metrics.cache_miss("sessions")
            await self._cache(token_hmac, found["person"])
        return str(found["person"])

    async def put_ticket(self, ticket_hmac: str, person_id: str, session: str) -> None:
        await self.redis.set(_ticket_key(ticket_hmac), f"{person_id} {session}", ex=TICKET_TTL_S)

    async def use_ticket(self, ticket_hmac: str) -> tuple[str, str] | None:
        """(person id, session) of a ticket, which is spent with that. None when there is no such ticket any more."""
        found = await self.redis.getdel(_ticket_key(ticket_hmac))
        if not found:
            return None
        person_id, _, session = text(found).partition(" ")
        return person_id, session

    @cached_property
    def _cached_sessions(self) -> Grouped[str, bytes | None]:
        async def ask(sessions: Sequence[str]) -> Sequence[bytes | None]:
            return await values(self.redis, [_session_key(session) for session in sessions])

        return grouped_reads(ask)

    async def end_session(self, token_hmac: str) -> None:
        await self._end([token_hmac])

    async def end_sessions(self, person_id: str) -> None:
        """Sign somebody out everywhere."""
        sessions = await self.db.sessions.find({"person": person_id}, {"_id": 1}).to_list(None)
        await self._end([session["_id"] for session in sessions])
        await self.db.sessions.delete_many({"person": person_id})  # made meanwhile

    async def _end(self, sessions: list[str]) -> None:
        # From the cache first: when that fails the session is in MongoDB still, and ending it can be tried again. Then
        # once more, for whoever was looking it up meanwhile.
        await self._forget(sessions)
        await self.db.sessions.delete_many({"_id": {"$in": sessions}})
        await self._forget(sessions)

    async def _forget(self, sessions: list[str]) -> None:
        for session in sessions:
            await self.redis.delete(_session_key(session))

    async def _cache(self, token_hmac: str, person_id: str) -> None:
        if self.cached:
            with suppress(*Unavailable):
                await self.redis.set(_session_key(token_hmac), person_id, ex=SESSION_CACHE_S)


def _session_key(token_hmac: str) -> str:
    return f"session:{token_hmac}"


def _ticket_key(ticket_hmac: str) -> str:
    return f"ticket:{ticket_hmac}"
