"""A photo's way from the phone to the CDN."""

import io

import httpx
import pytest
from PIL import Image

from reference_app.photos.images import NotAnImage, variants
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody
from tests.waiting import eventually


def jpeg(width: int = 1200, height: int = 900, exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.effect_noise((width, height), 40).convert("RGB")
    image.save(out, "JPEG", exif=exif or Image.Exif())
    return out.getvalue()


async def upload(person: Somebody, content: bytes) -> tuple[str, httpx.Response]:
    photo = (await person.http.post("/photos")).json()
    async with httpx.AsyncClient() as store:
        stored = await store.post(
            photo["upload"]["url"],
            data=photo["upload"]["fields"],
            files={"file": ("photo.jpg", content, "image/jpeg")},
        )
    return photo["id"], stored


async def state_of(person: Somebody, photo: str) -> str:
    return str((await person.http.get(f"/photos/{photo}")).json()["state"])


async def test_an_upload_is_resized_and_served_through_the_cache(anna: Somebody, stack: LocalStack) -> None:
    photo, stored = await upload(anna, jpeg())
    assert stored.status_code == 204
    assert (await anna.http.post(f"/photos/{photo}/complete")).json()["state"] == "processing"
    await eventually(lambda: state_of(anna, photo), "ready")
    shown = next(p for p in (await anna.http.get("/me")).json()["photos"] if p["id"] == photo)
    async with httpx.AsyncClient(base_url=stack.host) as cdn:
        first, second = await cdn.get(shown["card_url"]), await cdn.get(shown["card_url"])
    assert [first.headers["X-Cache"], second.headers["X-Cache"]] == ["MISS", "HIT"]
    assert first.content == second.content
    assert Image.open(io.BytesIO(first.content)).size == (640, 800)


async def test_what_is_no_picture_is_refused_by_the_worker(anna: Somebody) -> None:
    photo, _ = await upload(anna, b"#!/bin/sh\necho I am a picture\n")
    await anna.http.post(f"/photos/{photo}/complete")
    await eventually(lambda: state_of(anna, photo), "refused")
    assert photo not in [p["id"] for p in (await anna.http.get("/me")).json()["photos"]]


async def test_a_file_that_is_too_large_is_refused_by_the_store(anna: Somebody) -> None:
    _, stored = await upload(anna, b"x" * (8 * 2**20 + 1))
    assert stored.status_code == 400


async def test_a_photo_cannot_be_completed_before_its_upload_or_by_others(anna: Somebody, ben: Somebody) -> None:
    photo = (await anna.http.post("/photos")).json()["id"]
    assert (await anna.http.post(f"/photos/{photo}/complete")).status_code == 409
    assert (await ben.http.post(f"/photos/{photo}/complete")).status_code == 404
    assert (await ben.http.get(f"/photos/{photo}")).status_code == 404


def test_variants_carry_no_exif() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    for content in variants(jpeg(exif=exif)).values():
        assert not Image.open(io.BytesIO(content)).getexif()


@pytest.mark.parametrize("content", [b"", b"GIF89a", jpeg()[:200]])
def test_a_broken_picture_is_no_picture(content: bytes) -> None:
    with pytest.raises(NotAnImage):
        variants(content)
