"""POST /photos, POST /photos/{id}/complete, GET /photos/{id}."""

from fastapi import APIRouter

from reference_app.auth.service import CurrentPerson
from reference_app.photos.schemas import NewPhoto, PhotoState
from reference_app.photos.service import Photos

router = APIRouter(prefix="/photos", tags=["photos"])


@router.post("", status_code=201)
async def start_upload(person: CurrentPerson, photos: Photos) -> NewPhoto:
    return await photos.start(person)


@router.post("/{photo_id}/complete", status_code=202)
async def complete_upload(photo_id: str, person: CurrentPerson, photos: Photos) -> PhotoState:
    return await photos.complete(photo_id, person)


@router.get("/{photo_id}")
async def photo_state(photo_id: str, person: CurrentPerson, photos: Photos) -> PhotoState:
    return await photos.state(photo_id, person)
