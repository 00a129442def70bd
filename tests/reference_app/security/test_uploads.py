"""Uploads: what the store takes, and what the worker decodes. OWASP API4, and the file upload cheat sheet."""

import base64
import io
import json
import resource
import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from reference_app.photos.images import JPEG_SCANS_MAX, NotAnImage, variants
from reference_app.stack import LocalStack
from tests.reference_app.conftest import Somebody
from tests.reference_app.test_photos import jpeg, state_of, upload
from tests.waiting import eventually

MEMORY_MAX = 2 * 2**30


async def signed_upload(person: Somebody) -> dict[str, Any]:
    found: dict[str, Any] = (await person.http.post("/photos")).json()
    return found


async def test_a_form_is_signed_for_one_key_one_type_and_so_many_bytes(anna: Somebody) -> None:
    """What S3 holds a form to. The emulator looks at the size only, so the policy is read instead of tried."""
    photo = await signed_upload(anna)
    policy = json.loads(base64.b64decode(photo["upload"]["fields"]["policy"]))
    conditions: list[Any] = policy["conditions"]
    assert {"key": f"uploads/{photo['id']}"} in conditions
    assert {"Content-Type": "image/jpeg"} in conditions
    assert ["content-length-range", 1, 8 * 2**20] in conditions
    assert not [one for one in conditions if isinstance(one, list) and one[0] == "starts-with"]
    left = datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)


@pytest.mark.parametrize(
    "path", ["/uploads/{}", "/media/../uploads/{}", "/media/%2e%2e/uploads/{}", "/media//uploads/{}"]
)
async def test_an_upload_cannot_be_fetched(anna: Somebody, stack: LocalStack, path: str) -> None:
    """With its EXIF, and whatever else it is: only what was made of it is shown."""
    photo, stored = await upload(anna, jpeg())
    assert stored.status_code == 204
    async with httpx.AsyncClient(base_url=stack.host) as cdn:
        assert (await cdn.get(path.format(photo))).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
async def test_nobody_changes_what_is_shown(anna: Somebody, stack: LocalStack, method: str) -> None:
    url = (await anna.http.get("/me")).json()["photos"][0]["card_url"]
    async with httpx.AsyncClient(base_url=stack.host) as cdn:
        before = await cdn.get(url)
        refused = await cdn.request(method, url, content=b"<h1>", headers={"Content-Type": "text/html"})
        assert refused.status_code == 405
        assert (await cdn.request(method, "/media/of-my-own/card", content=b"<h1>")).status_code == 405
        after = await cdn.get(url)
        assert (after.status_code, after.content) == (before.status_code, before.content) == (200, before.content)


@pytest.mark.parametrize("query", ["?acl", "?tagging", "?uploads", "?response-content-type=text/html"])
async def test_what_a_query_asks_the_store_for_is_not_passed_on(anna: Somebody, stack: LocalStack, query: str) -> None:
    url = (await anna.http.get("/me")).json()["photos"][-1]["card_url"]
    async with httpx.AsyncClient(base_url=stack.host) as cdn:
        for asked in (url + query, url):  # in the cache they are the same
            answer = await cdn.get(asked)
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("size", "status"), [(0, 400), (8 * 2**20, 204), (8 * 2**20 + 1, 400)])
async def test_the_store_takes_so_many_bytes(anna: Somebody, size: int, status: int) -> None:
    _, stored = await upload(anna, b"x" * size)
    assert stored.status_code == status


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%PDF-1.7",
        b"GIF89a" + b"\x01\x00\x01\x00\x80\x00\x00" + b"\x00" * 20,
        b"\xff\xd8\xff\xe0" + b"MZ" * 100,  # begins as a JPEG does
    ],
    ids=["HTML", "SVG", "PDF", "GIF", "a JPEG's first bytes"],
)
async def test_what_is_inside_decides_whatever_it_is_called(anna: Somebody, content: bytes) -> None:
    photo, stored = await upload(anna, content)
    assert stored.status_code == 204
    await anna.http.post(f"/photos/{photo}/complete")
    await eventually(lambda: state_of(anna, photo), "refused")


def png(width: int, height: int, more: bytes = b"") -> bytes:
    """A PNG that says so of itself: its pixels, all black, are compressed a thousand times."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * min(1 + 3 * width, 2**20)
    data = b"".join(packer.compress(row) for _ in range(min(height, 4000))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A compressed comment of 200 MB."""
    data = b"Comment\0\0" + zlib.compress(b"A" * 200_000_000, 9)
    return struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))


def large(kind: str, width: int, height: int, mode: str = "L") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind)
    return out.getvalue()


def scans(count: int) -> bytes:
    """A progressive JPEG of 40 megapixels whose last scan, of some 5 kB, comes so often."""
    out = io.BytesIO()
    Image.new("L", (8_000, 5_000)).save(out, "JPEG", progressive=True)
    data, last = out.getvalue(), out.getvalue().rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


BOMBS = {
    "pixels": lambda: png(20_000, 20_000),
    "one row": lambda: png(2**31 - 1, 1),
    "text": lambda: png(100, 100, text_bomb()),
    "JPEG": lambda: large("JPEG", 65_000, 1_000),
    "black and white": lambda: large("PNG", 30_000, 30_000, "1"),
    "one column": lambda: large("PNG", 1, 30_000_000, "1"),
    "scans": lambda: scans(1_000),
}


def made_of(upload: bytes, folder: Path) -> str:
    """What becomes of it in a process that may not use more memory: it would end with MemoryError, or be killed."""
    file = folder / "upload"
    file.write_bytes(upload)
    assert file.stat().st_size < 8 * 2**20
    script = (
        "import pathlib, sys\n"
        "from reference_app.photos.images import NotAnImage, variants\n"
        "try: print(*sorted(variants(pathlib.Path(sys.argv[1]).read_bytes(), ['webp'])))\n"
        "except NotAnImage as refused: print('refused', type(refused.__cause__).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, file],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_becomes_a_large_one_is_refused_before_it_does(bomb: str, tmp_path: Path) -> None:
    outcome = made_of(BOMBS[bomb](), tmp_path)
    assert outcome.startswith("refused")
    assert "MemoryError" not in outcome


def test_a_progressive_picture_is_taken() -> None:
    assert variants(scans(1), ["webp"])
    with pytest.raises(NotAnImage, match="scans"):
        variants(scans(JPEG_SCANS_MAX), ["webp"])


def test_the_largest_picture_that_is_taken_fits_into_memory(tmp_path: Path) -> None:
    assert made_of(large("JPEG", 8_000, 5_000, "CMYK"), tmp_path) == "card.webp thumb.webp"
    assert made_of(large("JPEG", 8_000, 5_001, "CMYK"), tmp_path).startswith("refused")


def test_what_hides_behind_a_picture_is_not_passed_on() -> None:
    script = b"<script>alert(document.domain)</script>"
    for file in variants(jpeg() + script, ["webp", "avif"]).values():
        assert script not in file
