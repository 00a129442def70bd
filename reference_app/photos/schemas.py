"""Bodies of the photo endpoints."""

from typing import Literal

from pydantic import BaseModel


class Upload(BaseModel):
    """POST the file to `url` as multipart form data: `fields` first, then `file`."""

    url: str
    fields: dict[str, str]


class NewPhoto(BaseModel):
    id: str
    upload: Upload


class PhotoState(BaseModel):
    id: str
    state: Literal["pending", "processing", "ready", "refused"]
