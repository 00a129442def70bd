"""Notifying people: whoever has no socket anywhere gets a push, through the queue."""

import logging
from dataclasses import dataclass
from typing import Annotated

from starlette.requests import HTTPConnection

from reference_app.dependencies import made_by
from reference_app.errors import NotFound
from reference_app.jobs import Job
from reference_app.platform import Platform, Queue, metrics, platform_of
from reference_app.platform.aws import Unavailable
from reference_app.push.providers import Gone, PushProvider
from reference_app.push.schemas import Notification, PhoneSystem
from reference_app.push.store import PushStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notifier:
    """The side that requests use: it leaves a job."""

    queue: Queue

    async def push(self, person: str, notification: Notification) -> None:
        """Best effort: what it tells of is stored already, and shown when the app is opened."""
        try:
            await self.queue.send(Job.PUSH(person_id=person, notification=notification.model_dump()))
        except Unavailable as error:
            log.warning("Not pushed: %s", error)


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
        """Bring it to all phones of a person. Safe to repeat: what has gone out does not go out again."""
        if await self.store.is_sent(notification.key, person):
            return
        for device in await self.store.devices_of(person):
            try:
                await provider.send(device["token"], notification)
                metrics.PUSHES.labels("sent").inc()
            except Gone:
                await self.store.remove_device(device["_id"], person)
                metrics.PUSHES.labels("gone").inc()
        # A crash between sending and this sends again; the phone shows it once, by its collapse key.
        await self.store.note_sent(notification.key, person)


def push_service_on(platform: Platform) -> PushService:
    return PushService(PushStore(platform.db))


def push_service(connection: HTTPConnection) -> PushService:
    return push_service_on(platform_of(connection))


Push = Annotated[PushService, made_by(push_service)]
