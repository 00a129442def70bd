"""A photo's way: presigned upload, completed by its owner, resized by the worker."""

from dataclasses import dataclass
from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from starlette.requests import HTTPConnection

from reference_app.errors import Conflict, NotFound
from reference_app.photos.images import NotAnImage, variants
from reference_app.photos.schemas import NewPhoto, PhotoState, Upload
from reference_app.photos.store import PhotoStore, media_key, upload_key
from reference_app.platform import Objects, Platform, Queue, Redis, metrics, platform_of
from reference_app.platform.mongo import Document
from reference_app.profiles.service import card_key
from reference_app.profiles.store import ProfileStore


@dataclass(frozen=True)
class PhotoService:
    store: PhotoStore
    profiles: ProfileStore
    objects: Objects
    queue: Queue
    redis: Redis
    upload_bytes_max: int

    async def start(self, owner: str) -> NewPhoto:
        photo_id = await self.store.create(owner)
        url, fields = self.objects.presign_upload(upload_key(photo_id), self.upload_bytes_max)
        return NewPhoto(id=photo_id, upload=Upload(url=url, fields=fields))

    async def complete(self, photo_id: str, owner: str) -> PhotoState:
        """The upload is there: queue it for the worker. Doing it twice queues it twice, with one effect."""
        photo = await self._of(photo_id, owner)
        if photo["state"] in ("ready", "refused"):
            return PhotoState(id=photo_id, state=photo["state"])
        if not await self.objects.exists(upload_key(photo_id)):
            raise Conflict("Upload the file first, with the URL and fields that POST /photos gave.")
        await self.store.set_state(photo_id, "processing")
        await self.queue.send({"photo_id": photo_id})
        return PhotoState(id=photo_id, state="processing")

    async def state(self, photo_id: str, owner: str) -> PhotoState:
        return PhotoState(id=photo_id, state=(await self._of(photo_id, owner))["state"])

    async def process(self, photo_id: str) -> None:
        """The worker's part. Safe to repeat."""
        photo = await self.store.get(photo_id)
        if photo is None or photo["state"] != "processing":
            return
        try:
            await to_thread.run_sync(self._make_variants, photo_id)
        except NotAnImage:
            await self.store.set_state(photo_id, "refused")
            metrics.PHOTOS.labels("refused").inc()
            return
        await self.profiles.add_photo(photo["owner"], photo_id)
        await self.store.set_state(photo_id, "ready")
        await self.redis.delete(card_key(photo["owner"]))
        metrics.PHOTOS.labels("ready").inc()

    def _make_variants(self, photo_id: str) -> None:
        for name, jpeg in variants(self.objects.get(upload_key(photo_id))).items():
            self.objects.put(media_key(photo_id, name), jpeg)

    async def _of(self, photo_id: str, owner: str) -> Document:
        photo = await self.store.get(photo_id)
        if photo is None or photo["owner"] != owner:
            raise NotFound("There is no such photo of yours.")
        return photo


def photo_service_on(platform: Platform) -> PhotoService:
    return PhotoService(
        PhotoStore(platform.db),
        ProfileStore(platform.db),
        platform.objects,
        platform.queue,
        platform.redis,
        platform.settings.upload_bytes_max,
    )


def photo_service(connection: HTTPConnection) -> PhotoService:
    return photo_service_on(platform_of(connection))


Photos = Annotated[PhotoService, Depends(photo_service)]
