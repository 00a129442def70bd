"""Resizing. Re-encoding from pixels drops EXIF, GPS and anything else that hides in a file."""

import io

from PIL import Image, ImageOps, UnidentifiedImageError

# Width in pixels of each variant, 4:5 as phones show them.
VARIANTS = {"card": 640, "thumb": 160}
PIXELS_MAX = 40_000_000  # a phone's 40 megapixels; a decompression bomb has more
JPEG_QUALITY = 80


class NotAnImage(Exception):
    """The upload is no picture that we show."""


def variants(original: bytes) -> dict[str, bytes]:
    """The JPEG of each variant. Raises NotAnImage."""
    try:
        with Image.open(io.BytesIO(original), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > PIXELS_MAX:
                raise NotAnImage(f"{image.width} x {image.height} pixels are too many")
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotAnImage(str(error)) from error
    return {name: _jpeg(ImageOps.fit(upright, (width, width * 5 // 4))) for name, width in VARIANTS.items()}


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return out.getvalue()
