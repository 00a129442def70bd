"""GET and POST /photos, PUT /photos/order, GET and DELETE /photos/{id}, POST /photos/{id}/complete."""

from fastapi import APIRouter

from reference_app.auth.service import CurrentPerson
from reference_app.errors import Conflict, NotFound, NotSignedIn, refusals
from reference_app.photos.schemas import NewPhoto, OwnPhoto, OwnPhotos, PhotoOrder
from reference_app.photos.service import Photos

router = APIRouter(prefix="/photos", tags=["photos"])
_OF_ONE = refusals(NotSignedIn, NotFound)


@router.get("", responses=refusals(NotSignedIn))
async def list_photos(person: CurrentPerson, photos: Photos) -> OwnPhotos:
    """One's own: the approved ones in the order in which others see them, then the others."""
    return OwnPhotos(photos=await photos.of(person))


@router.post("", status_code=201, responses=refusals(NotSignedIn, Conflict))
async def start_upload(person: CurrentPerson, photos: Photos) -> NewPhoto:
    return await photos.start(person)


@router.put("/order", status_code=204, responses=refusals(NotSignedIn, Conflict))
async def order_photos(body: PhotoOrder, person: CurrentPerson, photos: Photos) -> None:
    await photos.order(person, body.photo_ids)


@router.post("/{photo_id}/complete", status_code=202, responses=refusals(NotSignedIn, NotFound, Conflict))
async def complete_upload(photo_id: str, person: CurrentPerson, photos: Photos) -> OwnPhoto:
    """The file is uploaded. A worker makes the sizes that are shown; where it was taken is in none of them."""
    return await photos.complete(photo_id, person)


@router.get("/{photo_id}", responses=_OF_ONE)
async def get_photo(photo_id: str, person: CurrentPerson, photos: Photos) -> OwnPhoto:
    return await photos.get(photo_id, person)


@router.delete("/{photo_id}", status_code=204, responses=_OF_ONE)
async def delete_photo(photo_id: str, person: CurrentPerson, photos: Photos) -> None:
    await photos.delete(photo_id, person)
