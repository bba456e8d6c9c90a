"""The picture that stands in for one that is withheld."""

import io
from functools import lru_cache

from PIL import Image, ImageDraw

MAX_SIDE = 2048
"""Pixels; larger sizes are drawn at this one."""

_GROUND, _SIGN = 236, 176


def placeholder(width: int, height: int) -> bytes:
    """A grey PNG of that size, within 1..MAX_SIDE on each side, with a barred circle in the middle."""
    return _drawn(min(max(width, 1), MAX_SIDE), min(max(height, 1), MAX_SIDE))


@lru_cache(maxsize=32)
def _drawn(width: int, height: int) -> bytes:
    image = Image.new("L", (width, height), _GROUND)
    radius = min(width, height) / 5
    if radius >= 4:
        x, y, stroke = width / 2, height / 2, max(2, round(radius / 6))
        draw = ImageDraw.Draw(image)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=_SIGN, width=stroke)
        reach = (radius - stroke / 2) * 0.7071
        draw.line((x - reach, y - reach, x + reach, y + reach), fill=_SIGN, width=stroke)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
