"""Suspending and deleting accounts."""

import logging
from dataclasses import dataclass
from typing import Annotated

from starlette.requests import HTTPConnection

from reference_app.accounts.store import AccountStore
from reference_app.auth.store import AuthStore
from reference_app.chat.events import UnmatchEvent
from reference_app.chat.hub import Fanout
from reference_app.chat.presence import presence_key
from reference_app.chat.store import ChatStore
from reference_app.dependencies import made_by, once_an_app
from reference_app.discovery.decks import refilled_key
from reference_app.jobs import Job
from reference_app.photos.service import PhotoService, photo_service_on
from reference_app.platform import Platform, Queue, Redis, platform_of
from reference_app.platform.aws import Unavailable
from reference_app.profiles.service import forget_card, forget_deck
from reference_app.swipes.allowance import allowance_keys

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AccountService:
    store: AccountStore
    auth: AuthStore
    photos: PhotoService
    chat: ChatStore
    redis: Redis
    queue: Queue
    fanout: Fanout

    async def suspend(self, person: str) -> None:
        """Nobody sees them, and they cannot sign in. Can be lifted."""
        await self.store.suspend(person)
        await self._sign_out_everywhere(person)

    async def reinstate(self, person: str) -> bool:
        """Lift a suspension. False when there is none."""
        return await self.store.reinstate(person)

    async def delete(self, person: str) -> None:
        """From now on nobody sees them, they are signed out, and their phone number is free. The worker erases."""
        await self.store.mark_deleted(person)
        await self._sign_out_everywhere(person)
        try:
            await self.queue.send(Job.ERASE_ACCOUNT(person_id=person))
        except Unavailable as error:
            log.warning("The worker's sweep will erase an account: %s", error)

    async def erase(self, person: str) -> None:
        """The worker's part: everything that is stored of somebody who is marked as deleted. Safe to repeat.

        Their matches and the account are left, empty, until the sweep: requests that were under way find those ended.
        """
        if not await self.store.is_marked_deleted(person):
            return
        for match in await self.store.matches_of(person):
            if await self.chat.end(match["_id"], person):
                (other,) = (p for p in match["people"] if p != person)
                await self.fanout.send({other: UnmatchEvent(match_id=match["_id"])})
            await self.store.erase_messages(match["_id"])
        for photo_id in await self.store.photos_of(person):
            await self.photos.erase(photo_id)
        await self.auth.end_sessions(person)
        await self.store.erase_all_else(person)
        await forget_card(self.redis, person)
        await forget_deck(self.redis, person)
        for key in (refilled_key(person), *allowance_keys(person)):
            await self.redis.delete(key)

    async def erase_finally(self, person: str) -> None:
        """The worker's sweep: once more, for what requests that were under way have stored since, or no job told of."""
        await self.erase(person)
        # Last: until it is gone, the sweep comes back.
        await self.store.erase_account(person)

    async def _sign_out_everywhere(self, person: str) -> None:
        await self.auth.end_sessions(person)
        await forget_card(self.redis, person)
        await self.redis.delete(presence_key(person))
        await self.fanout.end_session(person)


def account_service_on(platform: Platform) -> AccountService:
    return AccountService(
        AccountStore(platform.db),
        AuthStore.on(platform),
        photo_service_on(platform),
        ChatStore(platform.db, platform.commits),
        platform.redis,
        platform.queue,
        Fanout.on(platform),
    )


@once_an_app
def account_service(connection: HTTPConnection) -> AccountService:
    return account_service_on(platform_of(connection))


Accounts = Annotated[AccountService, made_by(account_service)]
