"""Bodies of the photo endpoints."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from reference_app.bodies import PHOTO, Body, example, example_of
from reference_app.profiles.schemas import Photo

PHOTOS_MAX = 9


class State(StrEnum):
    """pending -> processing -> in_review -> approved or rejected; refused when the file was no picture."""

    PENDING = "pending"
    PROCESSING = "processing"
    REFUSED = "refused"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    DELETED = "deleted"  # nobody sees it any more; the worker is about to remove its files


class Upload(BaseModel):
    """POST the file to `url` as multipart form data: `fields` first, then `file`."""

    model_config = example(
        url="https://photos.s3.amazonaws.com", fields={"key": f"uploads/{PHOTO}", "policy": "eyJleHBpcmF0aW9uIjoi..."}
    )

    url: str
    fields: dict[str, str]


class NewPhoto(BaseModel):
    model_config = example(id=PHOTO, upload=example_of(Upload))

    id: str
    upload: Upload


class OwnPhoto(BaseModel):
    """A photo of one's own. Others see it once a moderator has approved it."""

    model_config = example(id=PHOTO, state="approved", shown=example_of(Photo))

    id: str
    state: State
    shown: Photo | None = None  # when there is something to show


class OwnPhotos(BaseModel):
    model_config = example(photos=[example_of(OwnPhoto)])

    photos: list[OwnPhoto]


class PhotoOrder(Body):
    """All approved photos, in the order in which others are to see them."""

    model_config = example(photo_ids=[PHOTO])

    photo_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=PHOTOS_MAX)]
