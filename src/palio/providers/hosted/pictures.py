"""Pictures on their way to a vendor and back: brought to size, and looked at for having been blacked out."""

import binascii
import io

from PIL import Image, ImageOps

from palio.errors import Futile

DARKEST = 8
"""The highest value, of 255, that a channel of a blacked-out picture has anywhere."""
MOST_PIXELS = 50_000_000
"""Larger ones are not looked at."""


def fitted(data: bytes, width: int, height: int) -> bytes:
    """A picture that was checked before at a size, as PNG: scaled to cover it, and cut at the longer sides."""
    with Image.open(io.BytesIO(data)) as image:
        if image.size == (width, height):
            return data
        out = io.BytesIO()
        ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS).save(out, "PNG")
        return out.getvalue()


def is_black(data: bytes) -> bool:
    """Whether a picture is black all over. What cannot be read is not: that is for others to find."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                return False
            brightest = image.convert("L").getextrema()[1]
    except Exception:
        # On bytes made to confuse it Pillow raises nearly anything.
        return False
    return isinstance(brightest, (int, float)) and brightest <= DARKEST


def inline(url: str) -> bytes:
    """The picture in a data URL. Raises Futile if it cannot be read."""
    head, _, data = url.partition(",")
    if not head.endswith(";base64"):
        raise Futile("it came as a data URL that is not Base64")
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        raise Futile("it came as Base64 that cannot be read") from None
