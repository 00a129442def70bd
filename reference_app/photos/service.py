"""A photo's way: presigned upload, completed by its owner, resized by the worker, approved by a moderator."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection

from reference_app.dependencies import made_by, once_an_app
from reference_app.errors import Conflict, NotFound
from reference_app.jobs import Job
from reference_app.photos.images import VARIANTS, NotAnImage, file_names, variants
from reference_app.photos.schemas import PHOTOS_MAX, NewPhoto, OwnPhoto, State, Upload
from reference_app.photos.store import PhotoStore, media_key, upload_key
from reference_app.platform import Platform, metrics, platform_of, redis
from reference_app.platform.aws import TooManyWait, Unavailable
from reference_app.platform.mongo import Document
from reference_app.platform.objects import Missing
from reference_app.profiles.service import forget_card, photo_of
from reference_app.profiles.store import ProfileStore

log = logging.getLogger(__name__)
TURN_WITHIN_S = 20.0  # the queue gives a job to another worker after 60
_UNPROCESSED = (State.PENDING, State.PROCESSING)
_HAS_FILES = (State.IN_REVIEW, State.APPROVED)


@dataclass(frozen=True)
class PhotoService:
    platform: Platform
    store: PhotoStore
    profiles: ProfileStore
    # One picture after the other: resizing takes a core, and the worker has many jobs at hand.
    resizing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    async def of(self, owner: str) -> list[OwnPhoto]:
        profile = await self.profiles.get(owner)
        shown = profile["photos"] if profile else []
        place = {photo_id: number for number, photo_id in enumerate(shown)}
        photos = sorted(await self.store.of(owner), key=lambda photo: place.get(photo["_id"], len(shown)))
        return [self._own(photo) for photo in photos]

    async def start(self, owner: str) -> NewPhoto:
        photo_id = await self.store.create(owner)
        if await self.store.count(owner) > PHOTOS_MAX:  # counted with this one: many may be begun at once
            await self.store.remove(photo_id)
            raise Conflict(f"Nobody can have more than {PHOTOS_MAX} photos: delete one first.")
        url, fields = self.platform.objects.presign_upload(
            upload_key(photo_id), self.platform.settings.upload_bytes_max
        )
        return NewPhoto(id=photo_id, upload=Upload(url=url, fields=fields))

    async def order(self, owner: str, photo_ids: list[str]) -> None:
        if len(set(photo_ids)) != len(photo_ids) or not await self.profiles.order_photos(owner, photo_ids):
            raise Conflict("Name each approved photo once; GET /photos lists them.")
        await self._changed(owner)

    async def complete(self, photo_id: str, owner: str) -> OwnPhoto:
        """The upload is there: queue it for the worker, once."""
        photo = await self._of(photo_id, owner)
        if photo["state"] not in _UNPROCESSED:
            return self._own(photo)
        if not await self.platform.objects.exists(upload_key(photo_id)):
            raise Conflict("Upload the file first, with the URL and fields that POST /photos gave.")
        if await self.store.change(photo_id, State.PROCESSING, of=[State.PENDING]):
            await self._leave(Job.PROCESS_PHOTO, photo_id)
        return OwnPhoto(id=photo_id, state=State.PROCESSING)

    async def get(self, photo_id: str, owner: str) -> OwnPhoto:
        return self._own(await self._of(photo_id, owner))

    async def delete(self, photo_id: str, owner: str) -> None:
        """Hide it at once; the worker removes its files."""
        await self._of(photo_id, owner)
        await self._delete(photo_id, owner)

    async def _delete(self, photo_id: str, owner: str) -> None:
        await self.store.change(photo_id, State.DELETED, of=list(State))
        await self._hide(photo_id, owner)
        await self._leave(Job.ERASE_PHOTO, photo_id)

    async def _leave(self, job: Job, photo_id: str) -> None:
        """Leave the worker its part. Its sweep sees by the photo's state what no job tells of."""
        try:
            await self.platform.queue.send(job(photo_id=photo_id))
        except Unavailable as error:
            log.warning("A photo waits for the worker's sweep: %s", error, extra={"job": job})

    # A moderator's part.

    async def approve(self, photo_id: str) -> bool:
        """Show it. False when it does not wait for review. Shown first, so that no crash leaves it approved unseen."""
        photo = await self.store.get(photo_id)
        if photo is None or photo["state"] != State.IN_REVIEW:
            return False
        await self.profiles.add_photo(photo["owner"], photo_id)
        approved = await self.store.change(photo_id, State.APPROVED, of=[State.IN_REVIEW])
        if approved is None:
            now = await self.store.get(photo_id)
            if now is None or now["state"] != State.APPROVED:  # not by another moderator: rejected, or deleted
                await self._hide(photo_id, photo["owner"])
        await self._changed(photo["owner"])
        return approved is not None

    async def reject(self, photo_id: str) -> bool:
        """Never show it; delete one that was approved. False when it neither waits for review nor is shown."""
        if await self.store.reject(photo_id):
            await self._leave(Job.ERASE_FILES, photo_id)  # its owner knows their URLs
            return True
        photo = await self.store.get(photo_id)
        if photo is None or photo["state"] != State.APPROVED:
            return False
        await self._delete(photo_id, photo["owner"])
        return True

    # The worker's part. Safe to repeat.

    async def process(self, photo_id: str) -> None:
        await self._my_turn()
        try:
            # Read when it is its turn: the same job may have been done meanwhile, and its photo approved.
            photo = await self.store.get(photo_id)
            if photo and photo["state"] == State.PROCESSING:
                photo = await self._processed(photo_id)
        finally:
            self.resizing.release()
        if photo is None or photo["state"] == State.DELETED:  # while its files were made
            await self.erase(photo_id)
        elif photo["state"] == State.REJECTED:  # likewise
            await self.erase_files(photo_id)
        elif photo["state"] not in _UNPROCESSED:
            # With its EXIF: where it was taken. Last, for without it nothing can be made again.
            await to_thread.run_sync(self.platform.objects.delete, [upload_key(photo_id)])

    async def _my_turn(self) -> None:
        """Raises TooManyWait before the queue believes that this worker has died."""
        try:
            async with asyncio.timeout(TURN_WITHIN_S):
                await self.resizing.acquire()
        except TimeoutError as error:
            raise TooManyWait("photos come faster than they can be resized") from error

    async def _processed(self, photo_id: str) -> Document | None:
        try:
            await to_thread.run_sync(self._make_files, photo_id)
            done = State.IN_REVIEW
        # An upload that is gone was processed by another worker, and the state says so; or it has expired.
        except (NotAnImage, Missing):
            done = State.REFUSED
        if await self.store.change(photo_id, done, of=[State.PROCESSING]):
            metrics.PHOTOS.labels(done).inc()
        return await self.store.get(photo_id)

    async def drop(self, photo_id: str) -> None:
        """Remove a photo that was never completed: it has no files but, perhaps, an upload."""
        if await self.store.change(photo_id, State.DELETED, of=[State.PENDING]):
            await to_thread.run_sync(self.platform.objects.delete, [upload_key(photo_id)])
            await self.store.remove(photo_id)

    async def erase(self, photo_id: str) -> None:
        """Remove the files, from the caches too, then what is known of the photo."""
        if photo := await self.store.get(photo_id):
            await self._hide(photo_id, photo["owner"])  # whoever deleted it may have died before
        await self.erase_files(photo_id)
        await self.store.remove(photo_id)

    async def erase_files(self, photo_id: str) -> None:
        """Remove the files, from the caches too; its owner still sees what became of it."""
        await to_thread.run_sync(self._remove_files, photo_id)
        await self.store.note_erased(photo_id)

    def _make_files(self, photo_id: str) -> None:
        objects = self.platform.objects
        for name, content in variants(objects.get(upload_key(photo_id))).items():
            objects.put(media_key(photo_id, name), content)

    def _remove_files(self, photo_id: str) -> None:
        keys = [media_key(photo_id, name) for name in file_names()]
        self.platform.objects.delete([upload_key(photo_id), *keys])
        self.platform.cdn.purge([f"/{media_key(photo_id, variant)}" for variant in VARIANTS])

    async def _hide(self, photo_id: str, owner: str) -> None:
        await self.profiles.remove_photo(owner, photo_id)
        await self._changed(owner)

    async def _changed(self, owner: str) -> None:
        with suppress(*redis.Unavailable):  # then the old card lasts ten minutes at most
            await forget_card(self.platform.redis, owner)

    def _own(self, photo: Document) -> OwnPhoto:
        state = State(photo["state"])
        base = self.platform.settings.media_base_url
        return OwnPhoto(
            id=photo["_id"], state=state, shown=photo_of(base, photo["_id"]) if state in _HAS_FILES else None
        )

    async def _of(self, photo_id: str, owner: str) -> Document:
        photo = await self.store.get(photo_id)
        if photo is None or photo["owner"] != owner or photo["state"] == State.DELETED:
            raise NotFound("There is no such photo of yours.")
        return photo


def photo_service_on(platform: Platform) -> PhotoService:
    return PhotoService(platform, PhotoStore(platform.db), ProfileStore(platform.db))


@once_an_app
def photo_service(connection: HTTPConnection) -> PhotoService:
    return photo_service_on(platform_of(connection))


Photos = Annotated[PhotoService, made_by(photo_service)]
