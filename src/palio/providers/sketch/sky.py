"""Above the horizon: the sky, its lights, its clouds."""

from __future__ import annotations

import math
from random import Random

from palio.providers.sketch.colour import mix
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.palette import Palette
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.svg import at, bands, disc, dots, glow, line, number, path, star


def sky(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """The sky over the whole canvas, with whatever hangs in it. Indoors the window paints its own."""
    if reading.place == "room":
        return ""
    parts = [bands(0, frame.height, frame.width, _reaching(colours, frame))]
    if colours.is_dark and not reading.without & {"star", "stars"}:
        parts.append(_stars(reading, frame, colours, chance))
    if reading.place == "space":
        parts.append(_nebula(frame, chance))
        counted = any(subject.name == "ringed planet" for subject in reading.subjects)
        parts.append("" if counted or reading.without & {"planet", "ringed planet"} else _planet(frame, chance))
    if reading.weather == "aurora":
        parts.append(_aurora(frame, chance))
    if reading.place not in {"space", "underwater", "abstract"} or (reading.celestial and reading.place == "space"):
        parts.append(_lamp(reading, frame, colours, chance))
    if reading.place not in {"space", "underwater", "abstract"} and not reading.without & {"cloud", "clouds"}:
        parts.append(_clouds(reading, frame, colours, chance))
    if reading.place in {"meadow", "beach", "mountain", "field", "sea", "sky"} and not colours.is_dark:
        parts.append("" if reading.without & {"bird", "birds"} else _birds(frame, colours, chance))
    return "".join(parts)


def _reaching(colours: Palette, frame: Frame) -> list[tuple[float, str]]:
    """The sky's colours squeezed above the horizon, its last colour held below."""
    share = min(1.0, frame.horizon / frame.height + 0.04)
    return [(position * share, colour) for position, colour in colours.sky] + [(1.0, colours.sky[-1][1])]


def _stars(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    depth = frame.height if reading.place == "space" else frame.horizon
    count = (
        int(90 * frame.width * depth / 600_000) if reading.place == "space" else int(50 * frame.width * depth / 600_000)
    )
    points = [
        (chance.uniform(0, frame.width), depth * chance.random() ** 1.3, chance.choice((1.4, 1.8, 2.4, 3.2)))
        for _ in range(min(count, 420))
    ]
    sparks = "".join(
        star(
            chance.uniform(0.04, 0.96) * frame.width,
            depth * chance.uniform(0.04, 0.7),
            chance.uniform(8, 16),
            4,
            0.2,
        )
        for _ in range(7)
    )
    return dots(points, "#fdf8e2", 0.85) + path(sparks, mix(colours.glow, "#ffffff", 0.4))


def _nebula(frame: Frame, chance: Random) -> str:
    parts = []
    for colour in ("#d65db1", "#5f7ae0", "#f0a35e"):
        x, y = chance.uniform(0.1, 0.9) * frame.width, chance.uniform(0.1, 0.6) * frame.height
        parts.append(glow(x, y, frame.short * chance.uniform(0.25, 0.4), colour, 0.24, rings=6))
    return "".join(parts)


def _planet(frame: Frame, chance: Random) -> str:
    x, y = chance.choice((0.16, 0.84)) * frame.width, chance.uniform(0.14, 0.26) * frame.height
    radius = frame.short * chance.uniform(0.07, 0.11)
    colour = chance.choice(("#e08a6b", "#6bb3c9", "#c9a4e0"))
    tilt = f'transform="rotate(-18 {at(x, y)})"'
    ring = f"M{at(x - radius * 1.7, y)}A{at(radius * 1.7, radius * 0.42)} 0 0 0 {at(x + radius * 1.7, y)}"
    return (
        disc(x, y, radius, mix(colour, "#1a1547", 0.4))
        + disc(x - radius * 0.14, y - radius * 0.14, radius * 0.84, colour)
        + disc(x - radius * 0.3, y - radius * 0.3, radius * 0.5, mix(colour, "#ffffff", 0.16))
        + f"<g {tilt}>{line(ring, '#f4d9b0', radius * 0.12, 0.9)}</g>"
    )


def _lamp(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """The sun or the moon, low at dusk and dawn, high otherwise."""
    if reading.celestial is None and (reading.weather in {"rain", "storm"} or reading.light == "grey"):
        return ""
    if reading.without & {"sun", "moon", "full moon"}:
        return ""
    x = frame.width * chance.choice((chance.uniform(0.14, 0.3), chance.uniform(0.7, 0.86)))
    low = reading.light in {"dusk", "dawn", "neon"}
    y = frame.horizon * (chance.uniform(0.66, 0.8) if low else chance.uniform(0.2, 0.32))
    moon = reading.celestial in {"moon", "crescent"} or (reading.light == "night" and reading.celestial is None)
    asked = reading.celestial is not None
    radius = frame.short * (0.13 if asked else 0.1 if low else 0.058)
    if reading.celestial == "moon" and low:
        y = frame.horizon * 0.36
    halo = glow(x, y, radius * (3.0 if low else 2.8), colours.glow, 0.36, rings=8)
    if not moon:
        face = mix(colours.glow, "#ffffff", 0.35)
        if reading.light == "neon":
            return halo + disc(x, y, radius * 1.5, "#ff8fb0") + disc(x, y, radius * 1.2, "#ffc38f")
        return halo + disc(x, y, radius, face)
    if reading.celestial == "crescent" or (not asked and chance.random() < 0.5):
        r = number(radius)
        tip_x, top, bottom = number(x + radius * 0.5), number(y - radius * 0.87), number(y + radius * 0.87)
        inner = number(radius * 0.92)
        return halo + path(
            f"M{tip_x} {top}A{r} {r} 0 1 0 {tip_x} {bottom}A{inner} {inner} 0 0 1 {tip_x} {top}Z",
            colours.glow,
        )
    craters = [
        (x + radius * dx, y + radius * dy, radius * size)
        for dx, dy, size in ((-0.35, -0.2, 0.2), (0.3, 0.25, 0.26), (0.2, -0.45, 0.12), (-0.2, 0.5, 0.14))
    ]
    return halo + disc(x, y, radius, colours.glow) + dots(craters, mix(colours.glow, "#a39a86", 0.35))


def cloud(x: float, y: float, width: float, colour: str, shade: str, chance: Random) -> str:
    """A flat-bottomed cloud centred on x with its base at y."""
    lumps = []
    for index in range(5):
        spread = (index - 2) / 2
        radius = width * (0.19 - 0.07 * abs(spread)) * chance.uniform(0.85, 1.15)
        lumps.append((x + spread * width * 0.36, y - radius * 0.75, radius))
    thick = width * 0.13
    base = (
        f"M{at(x - width * 0.4, y)}a{at(thick / 2, thick / 2)} 0 0 1 0 {number(-thick)}"
        f"H{number(x + width * 0.4)}a{at(thick / 2, thick / 2)} 0 0 1 0 {number(thick)}Z"
    )
    return (
        dots([(cx + width * 0.012, cy + width * 0.02, r) for cx, cy, r in lumps], shade)
        + dots(lumps, colour)
        + path(base, colour)
    )


def _clouds(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    heavy = reading.weather in {"rain", "storm", "snow"}
    count = round(
        (4 if reading.weather == "snow" else 8 if heavy else 4 if reading.light == "grey" else 3)
        * max(1.0, frame.width / 1400)
    )
    parts = []
    for index in range(count):
        x = (index + chance.uniform(0.1, 0.9)) / count * frame.width
        y = frame.horizon * (chance.uniform(0.06, 0.3) if heavy else chance.uniform(0.14, 0.62))
        width = frame.short * chance.uniform(0.16, 0.34) * (1.4 if heavy else 1.0)
        base = "#59637a" if reading.weather == "storm" else "#8d9aa8" if heavy else "#ffffff"
        colour = mix(colours.seen(base), colours.sky[1][1], 0.42 if colours.is_dark else 0.18)
        parts.append(cloud(x, y, width, colour, mix(colour, colours.sky[0][1], 0.3), chance))
    return "".join(parts)


def _birds(frame: Frame, colours: Palette, chance: Random) -> str:
    commands = ""
    left, top = chance.uniform(0.2, 0.7) * frame.width, chance.uniform(0.2, 0.45) * frame.horizon
    for _ in range(chance.randrange(3, 6)):
        x, y, size = left + chance.uniform(-90, 90), top + chance.uniform(-45, 45), chance.uniform(8, 15)
        wing, lift = number(size), number(size * 0.7)
        commands += f"M{at(x - size, y - size * 0.4)}q{lift} -{number(size * 0.3)} {wing} {number(size * 0.4)}"
        commands += f"q{number(size * 0.3)} -{lift} {wing} -{number(size * 0.4)}"
    return line(commands, mix(colours.ink, colours.haze, 0.35), 3)


def _aurora(frame: Frame, chance: Random) -> str:
    parts = []
    for colour, level in (("#4ff0b0", 0.34), ("#58c7f0", 0.24), ("#b57bf0", 0.16)):
        top = frame.horizon * level
        phase = chance.uniform(0, 6.28)
        upper, lower = [], []
        for step in range(25):
            x = frame.width * step / 24
            wave = math.sin(step * 0.5 + phase) * 45 + math.sin(step * 0.23 + phase * 2) * 60
            upper.append((x, top + wave))
            lower.append((x, top + wave + 190 + 40 * math.sin(step * 0.9 + phase)))
        for squeeze, opacity in ((1.0, 0.1), (0.7, 0.14), (0.4, 0.2)):
            edge = [(x, y + (lower_y - y) * squeeze) for (x, y), (_, lower_y) in zip(upper, lower, strict=True)]
            outline = "M" + "L".join(f"{at(x, y)}" for x, y in (*upper, *reversed(edge))) + "Z"
            parts.append(path(outline, colour, opacity))
    return "".join(parts)
