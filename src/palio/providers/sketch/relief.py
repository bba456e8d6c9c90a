"""Skylines and what stands along them: the parts every kind of land is built from."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Final

from palio.providers.sketch.colour import mix
from palio.providers.sketch.flora import bush, flower, stone, tree, tuft
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.palette import Palette, pick
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.svg import Point, at, curve, line, number, path, polygon

_PETALS: Final = ("#f7d44c", "#f28fb0", "#ffffff", "#e8604c", "#b48be0")


def ridge(frame: Frame, level: float, swell: float, chance: Random, wave: float = 420.0) -> list[Point]:
    """A rolling skyline across the canvas around a height."""
    count = max(3, round(frame.width / wave) + 1)
    return [
        (frame.width * (index - 0.5) / (count - 1), level + chance.uniform(-swell, swell)) for index in range(count + 1)
    ]


def land(points: list[Point], frame: Frame, colour: str) -> str:
    """Everything below a skyline."""
    return path(
        f"{curve(points)}L{at(points[-1][0], frame.height)}L{at(points[0][0], frame.height)}Z",
        colour,
    )


def level(points: list[Point], x: float) -> float:
    """The height of a skyline drawn by `curve` at x."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= x <= x1:
            share = (x - x0) / (x1 - x0)
            return y0 + (y1 - y0) * share * share * (3 - 2 * share)
    return points[-1][1]


def trees(
    reading: Reading,
    points: list[Point],
    frame: Frame,
    colours: Palette,
    chance: Random,
    count: int,
    size: float,
    far: float,
) -> str:
    """A loose row of trees along a skyline; sizes are shares of the short side."""
    if reading.without & {"tree", "trees", "deciduous tree", "evergreen tree", "forest"}:
        return ""
    count = round(count * frame.width / frame.short)
    places = sorted(
        (chance.random() ** 0.9 * frame.width for _ in range(count)), key=lambda x: abs(x - frame.width / 2)
    )
    return "".join(
        tree(
            x,
            level(points, x) + 5,
            frame.short * size * chance.uniform(0.7, 1.2),
            colours,
            chance,
            reading.season,
            far,
        )
        for x in reversed(places)
    )


def lawn(reading: Reading, near: list[Point], frame: Frame, colours: Palette, chance: Random) -> str:
    """Grass, flowers and stones, larger towards the viewer."""
    winter = reading.season == "winter" or reading.weather == "snow"
    tufts, parts = "", []
    stripes = "".join(
        stroke(frame, level(near, frame.width / 2) + (frame.height - frame.horizon) * depth, chance)
        for depth in (0.16, 0.3, 0.42)
    )
    parts.append(line(stripes, mix(colours.near, colours.detail, 0.22), 7))
    for _ in range(round(26 * frame.width / frame.short)):
        x = chance.uniform(0, frame.width)
        top = level(near, x)
        y = top + (frame.height - top) * chance.random()
        depth = (y - frame.horizon) / (frame.height - frame.horizon)
        kind = chance.random()
        if kind < 0.5 or winter:
            tufts += tuft(x, y, 14 + 34 * depth, chance)
        elif kind < 0.85 and not reading.without & {"flower", "flowers", "blossom"}:
            petal = (
                pick(chance, colours.foliage[1:]) if reading.season == "autumn" else colours.seen(pick(chance, _PETALS))
            )
            parts.append(flower(x, y, 18 + 42 * depth, petal, colours.detail))
        elif kind < 0.92:
            parts.append(stone(x, y, 26 + 46 * depth, colours.seen("#a8a59e")))
        else:
            parts.append(bush(x, y, 18 + 24 * depth, pick(chance, colours.foliage)))
    return path(tufts, mix(colours.near, colours.detail, 0.65)) + "".join(parts)


def stroke(frame: Frame, y: float, chance: Random) -> str:
    x = chance.uniform(0.02, 0.6) * frame.width
    return f"M{at(x, y)}q{number(frame.width * 0.1)} -8 {number(frame.width * chance.uniform(0.15, 0.3))} 0"


def peaks(frame: Frame, colours: Palette, chance: Random, height: float, colour: str, far: float) -> str:
    parts = []
    count = max(3, round(frame.width / frame.short * 3))
    base = frame.horizon + (frame.height - frame.horizon) * 0.3
    for index in range(count):
        x = (index + chance.uniform(0.2, 0.8)) / count * frame.width
        tall = frame.short * height * chance.uniform(0.75, 1.25)
        half = tall * chance.uniform(0.8, 1.05)
        top = base - tall
        parts.append(path(polygon([(x - half, base), (x, top), (x + half, base)]), colour))
        parts.append(
            path(
                polygon([(x, top), (x + half, base), (x + half * 0.1, base), (x + half * 0.16, top + tall * 0.5)]),
                mix(colour, colours.ink, 0.2),
            )
        )
        cap = [
            (x, top),
            (x - half * 0.3, top + tall * 0.3),
            (x - half * 0.14, top + tall * 0.25),
            (x - half * 0.02, top + tall * 0.36),
            (x + half * 0.12, top + tall * 0.24),
            (x + half * 0.3, top + tall * 0.3),
        ]
        parts.append(path(polygon(cap), mix(colours.seen("#fbfdff"), colours.haze, far)))
    return "".join(parts)
