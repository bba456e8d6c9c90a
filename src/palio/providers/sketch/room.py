"""Indoors: a wall with a window on the weather, and a table to put things on."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from palio.providers.sketch.colour import mix
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.palette import Palette
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.sky import sky
from palio.providers.sketch.svg import (
    at,
    bands,
    curve,
    disc,
    dots,
    ellipse,
    glow,
    line,
    number,
    path,
    polygon,
    rectangle,
)


def room(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """A corner by the window; what is outside shows in its panes."""
    wall = mix(colours.far, colours.seen(chance.choice(("#8fb0a8", "#d98f7a", "#e8c48a", "#a99cc8"))), 0.4)
    width = min(frame.width * 0.62, frame.short * 0.66)
    tall = min(frame.horizon * 0.76, width * 1.05)
    x = (frame.width - width) * chance.choice((0.28, 0.5, 0.72))
    y = (frame.horizon - tall) * 0.46
    return "".join(
        (
            _wall(frame, wall, colours, chance),
            _window(reading, frame, colours, chance, x, y, width, tall),
            _furnishing(reading, frame, colours, chance, x, width),
            _table(frame, colours, chance),
        )
    )


def _wall(frame: Frame, wall: str, colours: Palette, chance: Random) -> str:
    parts = [
        bands(
            0,
            frame.horizon + 10,
            frame.width,
            [(0.0, mix(wall, colours.ink, 0.12)), (1.0, mix(wall, "#fff3da", 0.16))],
            40,
        )
    ]
    spacing = frame.short * 0.09
    if chance.random() < 0.5:
        stripes = "".join(
            f"M{number(x * spacing)} 0V{number(frame.horizon)}" for x in range(1, int(frame.width / spacing) + 1)
        )
        parts.append(line(stripes, mix(wall, "#ffffff", 0.14), spacing * 0.3))
    else:
        spots = [
            ((column + 0.5 * (row % 2)) * spacing, row * spacing * 0.8, 5.0)
            for row in range(int(frame.horizon / spacing / 0.8) + 1)
            for column in range(int(frame.width / spacing) + 2)
        ]
        parts.append(dots(spots[:400], mix(wall, "#ffffff", 0.2)))
    return "".join(parts)


def _window(
    reading: Reading,
    frame: Frame,
    colours: Palette,
    chance: Random,
    x: float,
    y: float,
    width: float,
    tall: float,
) -> str:
    """The window at (x, y), with its own small sky, hills and weather behind the panes."""
    outside = Frame(width=width, height=tall, horizon=tall * 0.72, stand=tall)
    view = replace(reading, place="meadow")
    dim = "#6d7f96" if reading.weather in {"rain", "storm"} and not colours.is_dark else None
    scene = colours if dim is None else replace(colours, sky=[(at, mix(shade, dim, 0.6)) for at, shade in colours.sky])
    hill = colours.seen("#6f9f6a", 0.35)
    inner = [sky(view, outside, scene, chance)]
    for level, share in ((0.7, 0.4), (0.8, 0.0)):
        points = [
            (-20.0, tall * level),
            (width * 0.3, tall * (level - 0.06)),
            (width * 0.7, tall * (level + 0.03)),
            (width + 20, tall * (level - 0.04)),
        ]
        inner.append(path(f"{curve(points)}V{number(tall)}H-20Z", mix(hill, scene.sky[-1][1], share)))
    if reading.weather in {"rain", "storm"}:
        inner.append(_panes_of_rain(width, tall, chance))
    if reading.weather == "snow" or reading.season == "winter":
        inner.append(
            dots(
                [(chance.uniform(0, width), chance.uniform(0, tall), chance.uniform(3, 7)) for _ in range(50)],
                "#ffffff",
                0.9,
            )
        )
    wood = colours.seen("#f3e3c6")
    edge = mix(wood, colours.ink, 0.35)
    bars = f"M{at(x + width / 2, y)}V{number(y + tall)}M{at(x, y + tall * 0.46)}H{number(x + width)}"
    outline = polygon([(x, y), (x + width, y), (x + width, y + tall), (x, y + tall)])
    return "".join(
        (
            rectangle(x - 22, y - 22, width + 44, tall + 44, edge),
            f'<svg x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(tall)}" '
            f'viewBox="0 0 {at(width, tall)}">{"".join(inner)}</svg>',
            path(
                polygon(
                    [
                        (x + width * 0.08, y + tall),
                        (x + width * 0.36, y),
                        (x + width * 0.5, y),
                        (x + width * 0.22, y + tall),
                    ]
                ),
                "#ffffff",
                0.1,
            ),
            line(bars, edge, 18),
            line(bars, wood, 12),
            line(outline, wood, 20),
            rectangle(x - 44, y + tall + 12, width + 88, 26, wood),
            rectangle(x - 44, y + tall + 34, width + 88, 8, edge),
            _curtains(colours, chance, x, y, width, tall),
        )
    )


def _panes_of_rain(width: float, tall: float, chance: Random) -> str:
    streaks = "".join(
        f"M{at(chance.uniform(-10, width), chance.uniform(-20, tall))}l-8 {number(chance.uniform(22, 46))}"
        for _ in range(70)
    )
    drops = [(chance.uniform(0, width), chance.uniform(0, tall), chance.uniform(2, 6)) for _ in range(40)]
    return line(streaks, "#e3eef6", 3, 0.6) + dots(drops, "#f4fafd", 0.55)


def _curtains(colours: Palette, chance: Random, x: float, y: float, width: float, tall: float) -> str:
    cloth = colours.seen(chance.choice(("#c8574c", "#3f7f8c", "#d99a3f", "#7a5a9a")))
    parts = [
        line(
            f"M{at(x - 80, y - 36)}H{number(x + width + 80)}",
            mix(colours.ink, "#a5713f", 0.5),
            10,
        )
    ]
    for side in (-1, 1):
        edge = x - 70 if side < 0 else x + width + 70
        inner = edge - side * width * 0.24
        foot = edge - side * width * 0.13
        parts.append(
            path(
                f"M{at(edge, y - 34)}H{number(inner)}"
                f"Q{at(inner, y + tall * 0.6)} {at(foot, y + tall + 60)}H{number(edge)}Z",
                cloth,
            )
        )
        folds = "".join(
            f"M{at(edge - side * fold, y - 30)}"
            f"Q{at(edge - side * fold, y + tall * 0.6)} {at(edge - side * fold * 0.55, y + tall + 50)}"
            for fold in (width * 0.06, width * 0.13, width * 0.19)
        )
        parts.append(line(folds, mix(cloth, colours.ink, 0.22), 6))
    return "".join(parts)


def _furnishing(reading: Reading, frame: Frame, colours: Palette, chance: Random, x: float, width: float) -> str:
    """A lamp or a picture where the wall is bare."""
    left, right = x - 120, frame.width - x - width - 120
    side = 1 if right > left else -1
    room_left = max(left, right)
    if room_left < 120:
        return ""
    middle = frame.width - room_left / 2 if side > 0 else room_left / 2
    if colours.is_dark or reading.light in {"dusk", "grey"} or reading.weather in {"rain", "storm"}:
        return _hanging_lamp(frame, colours, middle)
    size = min(150.0, room_left * 0.5)
    top = frame.horizon * 0.26
    return (
        rectangle(middle - size / 2, top, size, size * 1.2, mix(colours.ink, "#a5713f", 0.7))
        + rectangle(middle - size * 0.41, top + size * 0.09, size * 0.82, size * 1.02, colours.seen("#f8efdc"))
        + disc(middle + size * 0.12, top + size * 0.42, size * 0.13, colours.seen("#f0b34c"))
        + path(
            polygon(
                [
                    (middle - size * 0.41, top + size * 1.11),
                    (middle - size * 0.1, top + size * 0.56),
                    (middle + size * 0.41, top + size * 1.11),
                ]
            ),
            colours.seen("#6f9f8a"),
        )
    )


def _hanging_lamp(frame: Frame, colours: Palette, x: float) -> str:
    y = frame.horizon * 0.34
    return (
        glow(x, y + 30, frame.short * 0.26, "#ffd98a", 0.5, rings=6)
        + line(f"M{number(x)} 0V{number(y - 40)}", colours.ink, 5)
        + disc(x, y + 26, 22, "#fff3c4")
        + path(
            polygon([(x - 22, y - 46), (x + 22, y - 46), (x + 74, y + 24), (x - 74, y + 24)]),
            mix(colours.ink, "#d98a3f", 0.75),
        )
    )


def _table(frame: Frame, colours: Palette, chance: Random) -> str:
    top = frame.horizon
    tall = frame.height - top
    grain = "".join(
        f"M{at(chance.uniform(-0.1, 0.8) * frame.width, top + tall * (0.1 + 0.86 * chance.random()))}"
        f"q{number(frame.width * 0.12)} 6 {number(frame.width * chance.uniform(0.16, 0.4))} 0"
        for _ in range(16)
    )
    light = mix(colours.near, "#ffe9c0", 0.18)
    return (
        bands(top, tall, frame.width, [(0.0, light), (1.0, mix(colours.near, colours.detail, 0.5))], 32)
        + line(grain, colours.detail, 4, 0.35)
        + rectangle(0, top, frame.width, 9, mix(light, "#fff6e0", 0.4))
        + ellipse(
            frame.width / 2,
            top + tall * 0.55,
            frame.short * 0.46,
            tall * 0.36,
            mix(light, "#fff0cc", 0.25),
            0.35,
        )
    )
