"""Dry land: meadow, forest, rice field, mountains, desert."""

from __future__ import annotations

import math
from random import Random

from palio.providers.sketch.colour import mix
from palio.providers.sketch.flora import cactus, stone, tuft
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.palette import Palette
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.relief import land, lawn, level, peaks, ridge, trees
from palio.providers.sketch.svg import at, curve, path, polygon


def meadow(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    far = ridge(frame, frame.horizon - rise * 0.02, rise * 0.12, chance, 380)
    middle = ridge(frame, frame.horizon + rise * 0.2, rise * 0.1, chance, 520)
    near = ridge(frame, frame.horizon + rise * 0.42, rise * 0.05, chance, 700)
    return "".join(
        (
            land(far, frame, colours.far),
            trees(reading, far, frame, colours, chance, 13, 0.07, 0.5),
            land(middle, frame, mix(colours.mid, colours.far, 0.2)),
            trees(reading, middle, frame, colours, chance, 6, 0.16, 0.2),
            land(near, frame, colours.near),
            lawn(reading, near, frame, colours, chance),
        )
    )


def forest(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    far = ridge(frame, frame.horizon - rise * 0.05, rise * 0.08, chance)
    middle = ridge(frame, frame.horizon + rise * 0.12, rise * 0.05, chance)
    near = ridge(frame, frame.horizon + rise * 0.34, rise * 0.05, chance, 700)
    return "".join(
        (
            trees(reading, far, frame, colours, chance, 20, 0.3, 0.72),
            land(far, frame, mix(colours.far, colours.haze, 0.25)),
            trees(reading, far, frame, colours, chance, 14, 0.34, 0.45),
            land(middle, frame, colours.mid),
            trees(reading, middle, frame, colours, chance, 9, 0.42, 0.16),
            land(near, frame, colours.near),
            lawn(reading, near, frame, colours, chance),
        )
    )


def field(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """Terraces of young rice with the sky in the water between the rows."""
    rise = frame.height - frame.horizon
    far = ridge(frame, frame.horizon - rise * 0.16, rise * 0.14, chance, 340)
    parts = [land(far, frame, colours.far), trees(reading, far, frame, colours, chance, 9, 0.06, 0.5)]
    flooded = mix(colours.sky[len(colours.sky) // 2][1], colours.haze, 0.3)
    for step in range(5):
        y = frame.horizon + rise * (0.02 + 0.2 * step * (0.7 + 0.1 * step) / 1.1)
        edge = ridge(frame, y, 8 + 7 * step, chance, 460)
        bank = [(x, y + 10 + 7 * step) for x, y in edge]
        parts.append(land(edge, frame, mix(colours.near, colours.far, 0.4 - 0.1 * step)))
        parts.append(land(bank, frame, mix(flooded, colours.near, 0.05 + 0.02 * step)))
        blades = ""
        spacing = 26 + 13 * step
        for row in range(2):
            x = chance.uniform(0, spacing)
            while x < frame.width:
                blades += tuft(x, level(bank, x) + (0.32 + 0.46 * row) * (30 + 24 * step), 20 + 11 * step, chance)
                x += spacing * chance.uniform(0.9, 1.15)
        parts.append(path(blades, mix(colours.near, colours.detail, 0.25 + 0.1 * step)))
    return "".join(parts)


def mountain(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    near = ridge(frame, frame.horizon + rise * 0.36, rise * 0.05, chance, 600)
    hills = ridge(frame, frame.horizon + rise * 0.12, rise * 0.08, chance, 360)
    return "".join(
        (
            peaks(frame, colours, chance, 0.5, mix(colours.far, colours.haze, 0.3), 0.5),
            peaks(frame, colours, chance, 0.34, mix(colours.mid, colours.haze, 0.16), 0.2),
            land(hills, frame, mix(colours.detail, colours.haze, 0.28)),
            trees(reading, hills, frame, colours, chance, 16, 0.12, 0.22),
            land(near, frame, colours.near),
            lawn(reading, near, frame, colours, chance),
        )
    )


def desert(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    parts = []
    for _ in range(max(2, round(frame.width / 500))):
        x, width, tall = chance.uniform(0, frame.width), chance.uniform(110, 240), chance.uniform(60, 150)
        mesa = [
            (x - width / 2, frame.horizon + 20),
            (x - width * 0.36, frame.horizon - tall),
            (x + width * 0.3, frame.horizon - tall),
            (x + width / 2, frame.horizon + 20),
        ]
        parts.append(path(polygon(mesa), mix(colours.detail, colours.haze, 0.5)))
    for index, (share, colour) in enumerate(((0.0, colours.far), (0.16, colours.mid), (0.42, colours.near))):
        points = ridge(frame, frame.horizon + rise * share, rise * 0.1, chance, 430)
        parts.append(land(points, frame, colour))
        lee = [(x, y + 12 + 26 * index + 20 * math.sin(x)) for x, y in points]
        back = "L".join(f"{at(x, y)}" for x, y in reversed(lee))
        parts.append(path(f"{curve(points)}L{back}Z", mix(colour, "#fff2d0", 0.2)))
        if index < 2 and not reading.without & {"cactus"}:
            for _ in range(round((3 - index) * frame.width / frame.short)):
                x = chance.uniform(0, frame.width)
                parts.append(
                    cactus(
                        x,
                        level(points, x) + 14,
                        frame.short * (0.05 + 0.07 * index) * chance.uniform(0.8, 1.3),
                        mix(colours.seen("#5c8f57"), colours.haze, 0.4 - 0.3 * index),
                    )
                )
    for _ in range(8):
        y = frame.horizon + rise * chance.uniform(0.55, 0.98)
        parts.append(stone(chance.uniform(0, frame.width), y, chance.uniform(16, 46), colours.detail))
    return "".join(parts)
