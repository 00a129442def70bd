"""Codes and sessions in Redis, accounts in MongoDB. Phones, codes and tokens are stored as HMACs only."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from reference_app.platform import Database, Redis
from reference_app.platform.mongo import Document
from reference_app.platform.redis import text

OTP_TTL_S = 600  # Twilio Verify's figures: 10 minutes, 5 sends, 5 checks
OTP_SENDS_MAX = 5
OTP_CHECKS_MAX = 5


def keyed_hash(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class AuthStore:
    db: Database
    redis: Redis

    async def count_send(self, phone_hmac: str) -> bool:
        """Count one more code for this phone; False when there were too many."""
        return await self._count(f"otp-sends:{phone_hmac}") <= OTP_SENDS_MAX

    async def count_check(self, phone_hmac: str) -> bool:
        """Count one more guess; False when there were too many."""
        return await self._count(f"otp-checks:{phone_hmac}") <= OTP_CHECKS_MAX

    async def _count(self, key: str) -> int:
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, OTP_TTL_S, nx=True)
            count, _ = await pipe.execute()
        return int(count)

    async def put_code(self, phone_hmac: str, code_hmac: str) -> None:
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(f"otp:{phone_hmac}", code_hmac, ex=OTP_TTL_S)
            pipe.delete(f"otp-checks:{phone_hmac}")
            await pipe.execute()

    async def code(self, phone_hmac: str) -> str:
        """The HMAC of the code that waits for this phone; empty when there is none."""
        return text(await self.redis.get(f"otp:{phone_hmac}") or b"")

    async def use_code(self, phone_hmac: str) -> bool:
        """Spend the code. False when somebody else was faster."""
        spent = await self.redis.delete(f"otp:{phone_hmac}")
        await self.redis.delete(f"otp-sends:{phone_hmac}", f"otp-checks:{phone_hmac}")
        return bool(spent)

    async def account(self, phone_hmac: str) -> Document:
        """The account with this phone, made on first sign-in."""
        try:
            account = await self.db.accounts.find_one_and_update(
                {"phone_hmac": phone_hmac},
                {"$setOnInsert": {"_id": str(ObjectId())}},
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
        await self.redis.set(f"session:{token_hmac}", person_id, ex=ttl_s)
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.sadd(f"sessions-of:{person_id}", token_hmac)
            pipe.expire(f"sessions-of:{person_id}", ttl_s)
            await pipe.execute()

    async def session(self, token_hmac: str) -> str | None:
        person_id = await self.redis.get(f"session:{token_hmac}")
        return text(person_id) if person_id else None

    async def end_session(self, token_hmac: str, person_id: str) -> None:
        await self.redis.delete(f"session:{token_hmac}")
        await self.redis.srem(f"sessions-of:{person_id}", token_hmac)

    async def end_sessions(self, person_id: str) -> None:
        """Sign somebody out everywhere."""
        members: Any = await self.redis.smembers(f"sessions-of:{person_id}")
        for token_hmac in members:
            await self.redis.delete(f"session:{text(token_hmac)}")
        await self.redis.delete(f"sessions-of:{person_id}")
