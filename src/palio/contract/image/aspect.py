"""Aspect ratios such as `16:9`, and the pixels they stand for."""

import math
from collections.abc import Iterable

GRAIN = 16
"""Sides are multiples of this many pixels."""
MEGAPIXEL = 1024 * 1024


def ratio(aspect: str) -> float:
    """Width over height of an aspect written `width:height`; ValueError when it is not written so."""
    width, separator, height = aspect.partition(":")
    try:
        value = float(width) / float(height)
    except (ValueError, ZeroDivisionError):
        value = math.nan
    if not separator or not 0.01 <= value <= 100:
        raise ValueError("must be two numbers with a colon between, such as 16:9")
    return value


def size(aspect: str, pixels: int = MEGAPIXEL) -> tuple[int, int]:
    """Width and height, multiples of `GRAIN`, of about `pixels` in all at that aspect."""
    wide = ratio(aspect)
    return _grained(math.sqrt(pixels * wide)), _grained(math.sqrt(pixels / wide))


def nearest(width: int, height: int, known: Iterable[str]) -> str:
    """The one of the `known` aspects that distorts `width` x `height` least."""
    wanted = math.log(width / height)
    return min(known, key=lambda aspect: abs(math.log(ratio(aspect)) - wanted))


def _grained(side: float) -> int:
    return max(GRAIN, round(side / GRAIN) * GRAIN)
