"""Colours as "#rrggbb" text, and the few operations an illustrator needs on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

Stops = Sequence[tuple[float, str]]


@lru_cache(maxsize=4096)
def channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def joined(red: float, green: float, blue: float) -> str:
    """Channels from 0 to 255, clipped and rounded."""
    return "#" + "".join(f"{round(max(0.0, min(255.0, channel))):02x}" for channel in (red, green, blue))


@lru_cache(maxsize=16384)
def mix(first: str, second: str, share: float) -> str:
    """`share` of the second colour in the first; 0 is the first, 1 the second."""
    pairs = zip(channels(first), channels(second), strict=True)
    red, green, blue = (a + (b - a) * share for a, b in pairs)
    return joined(red, green, blue)


@lru_cache(maxsize=16384)
def lit(colour: str, light: str) -> str:
    """The colour as it looks under a light of the given colour, where white changes nothing."""
    red, green, blue = (a * b / 255 for a, b in zip(channels(colour), channels(light), strict=True))
    return joined(red, green, blue)


def luminance(colour: str) -> float:
    """Perceived brightness from 0 to 1 (Rec. 601 weights)."""
    red, green, blue = channels(colour)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def is_neutral(colour: str) -> bool:
    values = channels(colour)
    return max(values) - min(values) < 36


def hue(colour: str) -> float:
    """Degrees from 0 to 360; 0 for a neutral colour."""
    red, green, blue = channels(colour)
    high, low = max(red, green, blue), min(red, green, blue)
    if high == low:
        return 0.0
    if high == red:
        turn = (green - blue) / (high - low) % 6
    elif high == green:
        turn = (blue - red) / (high - low) + 2
    else:
        turn = (red - green) / (high - low) + 4
    return turn * 60


def shaded(colour: str, brightness: float) -> str:
    """The colour darkened (below 1) or lightened (above 1)."""
    if brightness <= 1:
        return mix("#000000", colour, max(0.0, brightness))
    return mix(colour, "#ffffff", min(0.8, (brightness - 1) * 0.7))


def along(stops: Stops, position: float) -> str:
    """The colour at a position from 0 to 1 on a list of (position, colour) stops."""
    previous = stops[0]
    for stop in stops:
        if position <= stop[0]:
            span = stop[0] - previous[0]
            return mix(previous[1], stop[1], round((position - previous[0]) / span, 4) if span else 0.0)
        previous = stop
    return previous[1]
