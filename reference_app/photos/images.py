"""Resizing. Re-encoding from pixels drops EXIF, GPS and anything else that hides in a file."""

import io
from collections.abc import Collection

from PIL import ExifTags, Image, ImageCms, ImageOps

# Width in pixels of each variant, 4:5 as phones show them.
VARIANTS = {"card": 640, "thumb": 160}
# Measured on a noisy card: WebP 57 ms of CPU, AVIF 49 ms at speed 8 (374 ms at 6, for 6 % fewer bytes).
FORMATS = {"webp": {"quality": 75, "method": 4}, "avif": {"quality": 60, "speed": 8}}
PIXELS_MAX = 40_000_000  # a phone's 40 megapixels; a decompression bomb has more
SIDE_MAX = 16_384  # pixels: a picture of one row is resized in seconds, not in milliseconds
# A progressive JPEG is decoded once for each of its scans, which may be 64 bytes long. Encoders write ten or so, and a
# phone's picture has a small one and a second one inside.
JPEG_SCANS_MAX = 50
_START_OF_SCAN = b"\xff\xda"  # which no scan's own data contains
# What undoes each orientation of EXIF.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SRGB = ImageCms.createProfile("sRGB")


class NotAnImage(Exception):
    """The upload is no picture that we show."""


def variants(original: bytes, formats: Collection[str] = tuple(FORMATS)) -> dict[str, bytes]:
    """By file name (card.webp, ...) what is to be shown. Raises NotAnImage."""
    try:
        with Image.open(io.BytesIO(original), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > PIXELS_MAX or max(image.size) > SIDE_MAX:
                raise NotAnImage(f"{image.width} x {image.height} pixels are too many")
            if image.format in ("JPEG", "MPO") and (scans := original.count(_START_OF_SCAN)) > JPEG_SCANS_MAX:
                raise NotAnImage(f"{scans:,} scans are too many")
            profile = image.info.get("icc_profile")
            upright = _upright(image if image.mode in ("RGB", "CMYK", "L") else image.convert("RGB"))
    except NotAnImage:
        raise
    except Exception as error:  # a decoder raises whatever it trips over: OSError, SyntaxError, struct.error, ...
        raise NotAnImage(f"{type(error).__name__}: {error}") from error
    files = dict[str, bytes]()
    for name, width in VARIANTS.items():
        resized = _in_srgb(ImageOps.fit(upright, (width, width * 5 // 4)), profile)
        resized.info.clear()  # Pillow writes what it finds here, EXIF and comments included
        files |= {f"{name}.{kind}": _encoded(resized, kind) for kind in formats}
    return files


def file_names() -> list[str]:
    """Every file that an approved photo has."""
    return [f"{variant}.{kind}" for variant in VARIANTS for kind in FORMATS]


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF says. Where that says nothing sensible the picture is all the same one."""
    try:
        turn = _TURNS.get(image.getexif()[ExifTags.Base.Orientation])
    except Exception:
        turn = None
    return image.copy() if turn is None else image.transpose(turn)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In the colours of a screen that knows no profiles: phones take pictures in wider spaces."""
    if profile:
        try:
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, embedded, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):  # a profile of something else
            converted = None
        if converted:
            return converted
    return image.convert("RGB")


def _encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **FORMATS[kind])
    return out.getvalue()
