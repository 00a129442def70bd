"""A photo's way from the phone to the CDN."""

import asyncio
import io
import struct

import httpx
import pytest
from PIL import ExifTags, Image, ImageCms

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


async def in_review(person: Somebody) -> str:
    """A photo whose files are made."""
    photo, stored = await upload(person, jpeg())
    assert stored.status_code == 204
    assert (await person.http.post(f"/photos/{photo}/complete")).json()["state"] == "processing"
    await eventually(lambda: state_of(person, photo), "in_review")
    return photo


async def status_of(cdn: httpx.AsyncClient, photo: str) -> int:
    return (await cdn.get(f"/media/{photo}/card")).status_code


async def shown_of(viewer: Somebody, person: Somebody) -> list[str]:
    return [p["id"] for p in (await viewer.http.get(f"/profiles/{person.id}")).json()["photos"]]


async def test_an_upload_is_resized_and_served_through_the_cache(anna: Somebody, stack: LocalStack) -> None:
    photo = await in_review(anna)
    url = (await anna.http.get(f"/photos/{photo}")).json()["shown"]["card_url"]
    for accept, kind in (("image/webp", "WEBP"), ("image/avif,image/webp", "AVIF")):
        async with httpx.AsyncClient(base_url=stack.host, headers={"Accept": accept}) as cdn:
            first, second = await cdn.get(url), await cdn.get(url)
        assert [first.headers["X-Cache"], second.headers["X-Cache"]] == ["MISS", "HIT"]
        assert first.content == second.content
        picture = Image.open(io.BytesIO(first.content))
        assert (picture.format, picture.size) == (kind, (640, 800))
        assert first.headers["Content-Type"] == f"image/{kind.lower()}"


async def test_a_photo_without_an_avif_is_served_as_webp(anna: Somebody, stack: LocalStack) -> None:
    url = (await anna.http.get("/me")).json()["photos"][0]["card_url"]
    async with httpx.AsyncClient(base_url=stack.host, headers={"Accept": "image/avif,*/*"}) as cdn:
        found = await cdn.get(url)
    assert (found.status_code, found.headers["Content-Type"]) == (200, "image/webp")


async def test_others_see_a_photo_once_a_moderator_has_approved_it(
    anna: Somebody, ben: Somebody, moderator: Somebody, stack: LocalStack
) -> None:
    good, bad = await in_review(anna), await in_review(anna)
    before = await shown_of(ben, anna)
    waiting = (await moderator.http.get("/moderation/queue?limit=100")).json()["photos"]
    assert {good, bad} <= {photo["photo"]["id"] for photo in waiting}
    for photo, approve in ((good, True), (bad, False)):
        decision = {"approve": approve}
        assert (await moderator.http.post(f"/moderation/photos/{photo}", json=decision)).status_code == 204
        # The first decision stands.
        assert (await moderator.http.post(f"/moderation/photos/{photo}", json=decision)).status_code == 404
    assert await shown_of(ben, anna) == [*before, good]
    states = {p["id"]: p["state"] for p in (await anna.http.get("/photos")).json()["photos"]}
    assert (states[good], states[bad]) == ("approved", "rejected")
    # Neither do those see it who know where it was.
    assert (await anna.http.get(f"/photos/{bad}")).json()["shown"] is None
    async with httpx.AsyncClient(base_url=stack.host) as cdn:
        await eventually(lambda: status_of(cdn, bad), 404)
        assert await status_of(cdn, good) == 200


async def test_an_approved_photo_can_be_taken_down(
    anna: Somebody, ben: Somebody, moderator: Somebody, stack: LocalStack
) -> None:
    photo = await in_review(anna)
    for approve in (True, False):
        decided = await moderator.http.post(f"/moderation/photos/{photo}", json={"approve": approve})
        assert decided.status_code == 204
        assert (photo in await shown_of(ben, anna)) is approve
    assert (await anna.http.get(f"/photos/{photo}")).status_code == 404
    async with httpx.AsyncClient(base_url=stack.host) as cdn:
        await eventually(lambda: status_of(cdn, photo), 404)


async def test_photos_are_shown_in_the_owners_order(anna: Somebody, ben: Somebody, moderator: Somebody) -> None:
    await moderator.http.post(f"/moderation/photos/{await in_review(anna)}", json={"approve": True})
    order = [p["id"] for p in (await anna.http.get("/me")).json()["photos"]][::-1]
    assert len(order) > 1
    assert (await anna.http.put("/photos/order", json={"photo_ids": order})).status_code == 204
    assert await shown_of(ben, anna) == order
    assert [p["id"] for p in (await anna.http.get("/photos")).json()["photos"]] == order
    for wrong in (order[1:], [*order, order[0]], [*order[1:], order[1]], ["nobody's", *order[1:]]):
        assert (await anna.http.put("/photos/order", json={"photo_ids": wrong})).status_code == 409
    assert await shown_of(ben, anna) == order


async def test_a_deleted_photo_is_gone_from_the_profile_the_store_and_the_cache(
    anna: Somebody, ben: Somebody, stack: LocalStack
) -> None:
    photo = (await anna.http.get("/me")).json()["photos"][0]
    async with httpx.AsyncClient(base_url=stack.host) as cdn:
        assert (await cdn.get(photo["card_url"])).status_code == 200
        assert (await ben.http.delete(f"/photos/{photo['id']}")).status_code == 404
        assert (await anna.http.delete(f"/photos/{photo['id']}")).status_code == 204
        assert photo["id"] not in await shown_of(ben, anna)
        assert (await anna.http.get(f"/photos/{photo['id']}")).status_code == 404
        await eventually(lambda: status_of(cdn, photo["id"]), 404)


async def test_nobody_has_more_than_nine_photos(anna: Somebody) -> None:
    here = len((await anna.http.get("/photos")).json()["photos"])
    begun = await asyncio.gather(*(anna.http.post("/photos") for _ in range(20)))  # however many at once
    assert {answer.status_code for answer in begun} <= {201, 409}
    for _ in range(9 - here):
        await anna.http.post("/photos")
    assert (await anna.http.post("/photos")).status_code == 409
    photos = (await anna.http.get("/photos")).json()["photos"]
    assert len(photos) == 9
    assert (await anna.http.delete(f"/photos/{photos[0]['id']}")).status_code == 204
    assert (await anna.http.post("/photos")).status_code == 201


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


def test_nothing_but_pixels_is_left_of_an_upload() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)  # GPS latitude
    original = jpeg(exif=exif)
    assert Image.open(io.BytesIO(original)).getexif().get_ifd(0x8825)
    for content in variants(original).values():
        picture = Image.open(io.BytesIO(content))
        assert not picture.getexif()
        assert not picture.info.get("exif")
        assert b"A maker" not in content


def exif_of(entries: dict[ExifTags.Base, tuple[int, bytes]]) -> bytes:
    """EXIF with any tag as any type (2: text, 3: 16 bits); no writer makes what some cameras and editors leave."""
    rows = (struct.pack("<HHI4s", tag, kind, 1 if kind == 3 else 4, value) for tag, (kind, value) in entries.items())
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(rows) + bytes(4)


@pytest.mark.parametrize("odd", [None, ExifTags.Base.ImageWidth, ExifTags.Base.XResolution])
def test_a_picture_is_turned_as_its_exif_says(odd: ExifTags.Base | None) -> None:
    entries = {ExifTags.Base.Orientation: (3, b"\6")} | ({odd: (2, b"bad")} if odd else {})
    image = Image.new("RGB", (100, 80), "blue")
    image.paste("red", (0, 0, 50, 80))
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif_of(dict(sorted(entries.items()))))
    shown = Image.open(io.BytesIO(variants(out.getvalue(), ["webp"])["card.webp"]))
    (red, *_), (*_, blue) = pixel(shown, 320, 10), pixel(shown, 320, 790)
    assert min(red, blue) > 200


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return tuple(map(int, found))


def test_a_picture_with_broken_exif_is_shown_as_it_is() -> None:
    out = io.BytesIO()
    Image.new("RGB", (100, 80), "red").save(out, "PNG", exif=b"no EXIF at all")
    assert variants(out.getvalue())


def test_colours_of_a_wider_space_are_converted() -> None:
    """The same numbers mean another colour there: what is shown has the colour, not the numbers."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A profile with red and green primaries exchanged.
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
    swapped = swapped[:red] + b"gXYZ" + swapped[red + 4 : green] + b"rXYZ" + swapped[green + 4 :]
    expected = {None: (255, 0, 0), swapped: (0, 255, 0), lab: (255, 0, 0), b"none": (255, 0, 0)}
    for profile, colour in expected.items():
        out = io.BytesIO()
        Image.new("RGB", (100, 80), "red").save(out, "JPEG", icc_profile=profile, quality=100)
        shown = Image.open(io.BytesIO(variants(out.getvalue(), ["webp"])["card.webp"]))
        seen = pixel(shown, 320, 400)
        assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) < 12, (profile, seen)
        assert "icc_profile" not in shown.info


@pytest.mark.parametrize("content", [b"", b"GIF89a", jpeg()[:200]])
def test_a_broken_picture_is_no_picture(content: bytes) -> None:
    with pytest.raises(NotAnImage):
        variants(content)
