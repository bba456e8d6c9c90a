"""From the horizon to the feet: one painter for each place."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from palio.providers.sketch.basin import basin
from palio.providers.sketch.buildings import houses, lamp_posts, skyline
from palio.providers.sketch.colour import mix
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.land import desert, field, forest, meadow, mountain
from palio.providers.sketch.palette import Palette
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.relief import land, level, ridge, trees
from palio.providers.sketch.room import room
from palio.providers.sketch.shore import beach, lake, sea, snow, underwater
from palio.providers.sketch.sky import cloud
from palio.providers.sketch.svg import at, curve, dots, ellipse, line, number, rectangle

_OWN_WATER: Final = frozenset({"sea", "beach", "snow"})

Painter = Callable[[Reading, Frame, Palette, Random], str]


def ground(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """The land, water or floor of the reading's place, with a lake where something needs one to float on."""
    floor = _PAINTERS[reading.place](reading, frame, colours, chance)
    open_water = basin(reading, frame)
    if open_water is None or reading.place in _OWN_WATER:
        return floor
    return floor + lake(open_water, reading, frame, colours, chance)


def _city(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    pavement = frame.horizon + rise * 0.22
    dashes = "".join(f"M{at(x, frame.horizon + rise * 0.74)}h70" for x in range(10, round(frame.width), 150))
    return "".join(
        (
            skyline(frame, colours, chance, 0.55, mix(colours.far, colours.haze, 0.35), 0.06),
            skyline(frame, colours, chance, 0.38, mix(colours.mid, colours.haze, 0.12), 0.3),
            rectangle(0, frame.horizon, frame.width, rise, mix(colours.near, "#e8e0d8", 0.22)),
            rectangle(0, pavement, frame.width, rise, colours.near),
            rectangle(0, pavement, frame.width, 7, mix(colours.near, colours.ink, 0.35)),
            line(dashes, mix(colours.near, "#fff1c0", 0.6), 8),
            lamp_posts(frame, colours, chance, pavement),
        )
    )


def _village(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    far = ridge(frame, frame.horizon - rise * 0.2, rise * 0.12, chance)
    stones = "".join(
        f"M{at(chance.uniform(0, frame.width), frame.horizon + rise * (0.3 + 0.68 * chance.random()))}"
        f"h{number(chance.uniform(16, 46))}"
        for _ in range(round(40 * frame.width / frame.short))
    )
    return "".join(
        (
            land(far, frame, colours.far),
            trees(reading, far, frame, colours, chance, 12, 0.12, 0.4),
            houses(frame, colours, chance, frame.horizon + rise * 0.16, reading.season == "winter"),
            rectangle(0, frame.horizon + rise * 0.15, frame.width, rise, colours.near),
            rectangle(0, frame.horizon + rise * 0.15, frame.width, 9, colours.detail),
            line(stones, mix(colours.near, colours.detail, 0.55), 6),
            lamp_posts(frame, colours, chance, frame.horizon + rise * 0.25),
        )
    )


def _space(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    far = ridge(frame, frame.horizon - rise * 0.05, rise * 0.22, chance, 300)
    near = ridge(frame, frame.horizon + rise * 0.3, rise * 0.12, chance, 520)
    parts = [land(far, frame, colours.far), land(near, frame, colours.near)]
    for _ in range(round(9 * frame.width / frame.short)):
        x = chance.uniform(0, frame.width)
        top = level(near, x) + 16
        y = top + (frame.height - top) * chance.random()
        size = 14 + 60 * (y - frame.horizon) / rise * chance.uniform(0.5, 1.0)
        parts.append(ellipse(x, y, size, size * 0.3, colours.detail))
        parts.append(ellipse(x, y + size * 0.07, size * 0.86, size * 0.2, mix(colours.detail, "#000018", 0.3)))
    return "".join(parts)


def _sky(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    white = mix(colours.seen("#ffffff"), colours.haze, 0.15)
    parts = []
    for row, (height, size) in enumerate(((0.84, 0.34), (0.93, 0.44), (1.03, 0.56))):
        tone = mix(white, colours.haze, 0.5 - 0.22 * row)
        x = -frame.short * chance.uniform(0, 0.2)
        while x < frame.width + frame.short * 0.2:
            parts.append(
                cloud(
                    x,
                    frame.height * (height + chance.uniform(-0.02, 0.02)) + 40,
                    frame.short * size,
                    tone,
                    mix(tone, colours.sky[0][1], 0.16),
                    chance,
                )
            )
            x += frame.short * size * 0.62
        parts.append(rectangle(0, frame.height * height + 36, frame.width, frame.height, tone))
    return "".join(parts)


def _abstract(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """Layered waves and a great disc: a picture for words that name nothing drawable."""
    hues = [colours.seen(colour) for colour in ("#f6d186", "#f2a65a", "#e2725b", "#b5527a", "#6a4c93", "#3b3a78")]
    turn = chance.randrange(3)
    hues = hues[turn:] + hues[:turn]
    x, y = frame.width * chance.uniform(0.3, 0.7), frame.height * 0.34
    parts = [
        dots([(x, y, frame.short * (0.3 - 0.055 * ring))], mix(hues[0], "#fff6e0", 0.25 + 0.2 * ring), 0.8)
        for ring in range(4)
    ]
    for index, colour in enumerate(hues):
        points = ridge(frame, frame.height * (0.46 + 0.1 * index), frame.short * 0.07, chance, 330)
        parts.append(land(points, frame, colour))
        parts.append(line(curve([(px, py + 14) for px, py in points]), mix(colour, "#ffffff", 0.3), 4))
        speckles = [
            (
                chance.uniform(0, frame.width),
                frame.height * (0.52 + 0.1 * index) + chance.uniform(0, 60),
                chance.uniform(2, 6),
            )
            for _ in range(14)
        ]
        parts.append(dots(speckles, mix(colour, "#ffffff", 0.4), 0.7))
    return "".join(parts)


_PAINTERS: Final[dict[str, Painter]] = {
    "meadow": meadow,
    "forest": forest,
    "field": field,
    "mountain": mountain,
    "desert": desert,
    "sea": sea,
    "beach": beach,
    "underwater": underwater,
    "snow": snow,
    "city": _city,
    "village": _village,
    "space": _space,
    "sky": _sky,
    "room": room,
    "abstract": _abstract,
}
