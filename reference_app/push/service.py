"""Notifying people: whoever has no socket anywhere gets a push, through the queue."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from starlette.requests import HTTPConnection

from reference_app.dependencies import made_by, once_an_app
from reference_app.errors import NotFound
from reference_app.jobs import Job
from reference_app.platform import Platform, Queue, Redis, metrics, platform_of, redis
from reference_app.platform.aws import Unavailable
from reference_app.platform.mongo import Document
from reference_app.push.providers import Gone, PushProvider
from reference_app.push.schemas import Notification, PhoneSystem
from reference_app.push.store import PushStore

log = logging.getLogger(__name__)
TOLD_AGAIN_AFTER_S = 600


@dataclass(frozen=True)
class Notifier:
    """The side that requests use: it leaves a job."""

    queue: Queue
    redis: Redis

    @classmethod
    def on(cls, platform: Platform) -> "Notifier":
        return cls(platform.queue, platform.redis)

    async def push(self, person: str, notification: Notification) -> None:
        """Best effort: what it tells of is stored already, and shown when the app is opened."""
        try:
            await self.queue.send(Job.PUSH(person_id=person, notification=notification.model_dump()))
        except Unavailable as error:
            log.warning("Not pushed: %s", error)

    async def push_once(self, person: str, notifications: Sequence[Notification]) -> None:
        """The same for what may be told again and again: within ten minutes each leaves one job."""
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for notification in notifications:
                    pipe.set(f"pushed:{notification.key}", 1, nx=True, ex=TOLD_AGAIN_AFTER_S)
                is_new = await pipe.execute()
        except redis.Unavailable:
            is_new = [True] * len(notifications)
        for notification, new in zip(notifications, is_new, strict=True):
            if new:
                await self.push(person, notification)


@dataclass(frozen=True)
class PushService:
    """Devices, and the worker's side."""

    store: PushStore

    async def register(self, person: str, token: str, system: PhoneSystem) -> str:
        return await self.store.put_device(person, token, system)

    async def unregister(self, device_id: str, person: str) -> None:
        if not await self.store.remove_device(device_id, person):
            raise NotFound("There is no such device of yours.")

    async def deliver(self, person: str, notification: Notification, provider: PushProvider) -> None:
        """Bring it to all phones of a person. Safe to repeat: what has gone out does not go out again.

        Raises ExceptionGroup when a phone was not reached; the others were all the same.
        """
        failed: list[Exception] = []
        for device in await self.store.devices_of(person):
            try:
                await self._deliver(device, notification, provider)
            except Exception as error:
                failed.append(error)
        if failed:
            raise ExceptionGroup("phones that were not reached", failed)

    async def _deliver(self, device: Document, notification: Notification, provider: PushProvider) -> None:
        if await self.store.is_sent(notification.key, device["_id"]):
            return
        try:
            await provider.send(device["token"], notification)
        except Gone:
            await self.store.remove_device(device["_id"], device["person"])
            metrics.PUSHES.labels("gone").inc()
            return
        metrics.PUSHES.labels("sent").inc()
        # A crash before this sends again; the phone replaces what it shows, by the tag or collapse id.
        await self.store.note_sent(notification.key, device["_id"])


def push_service_on(platform: Platform) -> PushService:
    return PushService(PushStore(platform.db))


@once_an_app
def push_service(connection: HTTPConnection) -> PushService:
    return push_service_on(platform_of(connection))


Push = Annotated[PushService, made_by(push_service)]
