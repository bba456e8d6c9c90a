"""In front of everything: falling weather, drifting leaves, fog, the texture of the medium and the edge's shade."""

from __future__ import annotations

from random import Random

from palio.providers.sketch.colour import mix
from palio.providers.sketch.flora import leaf, tuft
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.palette import Palette
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.svg import at, dots, line, number, path, polygon, star


def veil(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """Everything between the viewer and the subjects."""
    parts = []
    if reading.place != "room":
        match reading.weather:
            case "rain":
                parts.append(_rain(frame, colours, chance, 120))
            case "storm":
                parts.append(_rain(frame, colours, chance, 170))
            case "snow":
                parts.append(_snowfall(frame, chance, 110))
            case "fog":
                parts.append(_fog(frame, colours, chance))
            case "wind":
                parts.append(_gusts(frame, colours, chance))
            case _:
                pass
        if reading.season == "autumn":
            parts.append(_leaves(frame, colours, chance, ("#d9622b", "#e8a33d", "#b5432e")))
        elif reading.season == "spring":
            parts.append(_leaves(frame, colours, chance, ("#f7c6d3", "#f2a3bb", "#fde4ea")))
        elif reading.place == "snow" and reading.weather is None:
            parts.append(_snowfall(frame, chance, 46))
    if reading.light == "night" and reading.place in {"meadow", "forest", "field"}:
        parts.append(_fireflies(frame, chance))
    if reading.place in {"meadow", "forest", "field", "mountain"}:
        parts.append(_grass(frame, colours, chance))
    parts.append(_medium(reading, frame, colours, chance))
    parts.append(_edge(frame, colours))
    return "".join(parts)


def lightning(frame: Frame, chance: Random) -> str:
    """A bolt from the clouds to the horizon."""
    x, y = chance.uniform(0.2, 0.8) * frame.width, 0.0
    left, right = [], []
    while y < frame.horizon:
        left.append((x - 7, y))
        right.append((x + 7, y))
        x += chance.uniform(-46, 46)
        y += frame.horizon * chance.uniform(0.1, 0.18)
    return path(polygon([*left, (x, frame.horizon), *reversed(right)]), "#fff7cf", 0.95)


def _rain(frame: Frame, colours: Palette, chance: Random, count: int) -> str:
    streaks = ""
    for _ in range(round(count * frame.width * frame.height / frame.short**2)):
        x, y, length = (
            chance.uniform(-20, frame.width + 60),
            chance.uniform(-60, frame.height),
            chance.uniform(24, 60),
        )
        streaks += f"M{at(x, y)}l{at(-length * 0.22, length)}"
    depth = frame.height - frame.horizon
    rings = "".join(
        f"M{at(chance.uniform(0, frame.width), frame.height - depth * chance.uniform(0, 0.8))}h26" for _ in range(26)
    )
    tone = mix(colours.haze, "#ffffff", 0.5)
    return line(streaks, tone, 3, 0.55) + line(rings, tone, 4, 0.5)


def _snowfall(frame: Frame, chance: Random, count: int) -> str:
    flakes = [
        (chance.uniform(0, frame.width), chance.uniform(0, frame.height), chance.choice((2.5, 3.5, 5.0, 8.0)))
        for _ in range(round(count * frame.width * frame.height / frame.short**2))
    ]
    return dots(flakes, "#ffffff", 0.88)


def _fog(frame: Frame, colours: Palette, chance: Random) -> str:
    parts = []
    tone = mix(colours.haze, "#ffffff", 0.4)
    for index in range(6):
        y = frame.horizon * (0.72 + 0.13 * index)
        tall = frame.short * chance.uniform(0.06, 0.12)
        x = chance.uniform(-0.3, 0.4) * frame.width
        width = frame.width * chance.uniform(0.6, 1.0)
        r = tall / 2
        parts.append(
            path(
                f"M{at(x + r, y)}h{number(width)}a{at(r, r)} 0 0 1 0 {number(tall)}"
                f"h{number(-width)}a{at(r, r)} 0 0 1 0 {number(-tall)}Z",
                tone,
                0.34,
            )
        )
    return "".join(parts)


def _gusts(frame: Frame, colours: Palette, chance: Random) -> str:
    gusts = ""
    for _ in range(8):
        x, y, length = (
            chance.uniform(0, 0.8) * frame.width,
            chance.uniform(0.1, 0.8) * frame.height,
            chance.uniform(120, 260),
        )
        gusts += f"M{at(x, y)}q{number(length / 2)} -30 {number(length)} 0q40 24 10 44q-26 6 -20 -18"
    return line(gusts, mix(colours.haze, "#ffffff", 0.6), 5, 0.7)


def _leaves(frame: Frame, colours: Palette, chance: Random, tones: tuple[str, ...]) -> str:
    parts = []
    count = round(16 * frame.width * frame.height / frame.short**2)
    for tone in tones:
        commands = "".join(
            leaf(
                chance.uniform(0, frame.width),
                frame.height * chance.random() ** 0.8,
                chance.uniform(14, 34),
                chance.uniform(0, 6.3),
            )
            for _ in range(count)
        )
        parts.append(path(commands, colours.seen(tone)))
    return "".join(parts)


def _fireflies(frame: Frame, chance: Random) -> str:
    points = [
        (chance.uniform(0, frame.width), frame.height * chance.uniform(0.5, 0.95), chance.uniform(3, 5))
        for _ in range(16)
    ]
    return dots([(x, y, r * 3.2) for x, y, r in points], "#ffe98a", 0.22) + dots(points, "#fff3b8", 0.95)


def _grass(frame: Frame, colours: Palette, chance: Random) -> str:
    """A fringe of near grass at the foot of the picture, thicker in the corners."""
    blades = ""
    for _ in range(round(26 * frame.width / frame.short)):
        x = chance.uniform(0, 1)
        corner = abs(x - 0.5) * 2
        blades += tuft(
            x * frame.width,
            frame.height + 8,
            frame.short * (0.03 + 0.09 * corner * corner) * chance.uniform(0.7, 1.2),
            chance,
        )
    return path(blades, mix(colours.detail, colours.ink, 0.3))


def _medium(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    area = frame.width * frame.height / frame.short**2
    match reading.medium:
        case "oil":
            parts = []
            for tone, opacity in (("#fff4d8", 0.15), (colours.ink, 0.08)):
                strokes = "".join(
                    f"M{at(chance.uniform(0, frame.width), chance.uniform(0, frame.height))}"
                    f"q{at(chance.uniform(14, 40), chance.uniform(-18, 18))} "
                    f"{at(chance.uniform(50, 110), chance.uniform(-12, 12))}"
                    for _ in range(round(60 * area))
                )
                parts.append(line(strokes, tone, 17, opacity))
            return "".join(parts)
        case "watercolour":
            blots = [
                (chance.uniform(0, frame.width), chance.uniform(0, frame.height), chance.uniform(30, 120))
                for _ in range(round(16 * area))
            ]
            flecks = [
                (chance.uniform(0, frame.width), chance.uniform(0, frame.height), chance.uniform(2, 7))
                for _ in range(round(50 * area))
            ]
            return dots(blots, "#ffffff", 0.12) + dots(flecks, colours.sky[0][1], 0.4) + _paper(frame, chance)
        case "felt":
            inset = frame.short * 0.03
            right, bottom = frame.width - inset, frame.height - inset
            outline = f"M{at(inset, inset)}H{number(right)}V{number(bottom)}H{number(inset)}Z"
            stitches = line(outline, "#fff4dc", 6, 0.9).replace("<path ", '<path stroke-dasharray="22 18" ')
            fibres = "".join(
                f"M{at(chance.uniform(0, frame.width), chance.uniform(0, frame.height))}"
                f"q{number(chance.uniform(-14, 14))} 8 {number(chance.uniform(-20, 20))} 4"
                for _ in range(round(130 * area))
            )
            return line(fibres, "#ffffff", 2.5, 0.28) + stitches
        case "ink":
            hatch = "".join(
                f"M{at(chance.uniform(0, frame.width), chance.uniform(0.5, 1) * frame.height)}l34 -34"
                for _ in range(round(90 * area))
            )
            return line(hatch, colours.ink, 3, 0.3)
        case _:
            return ""


def _paper(frame: Frame, chance: Random) -> str:
    """An uneven white margin, as around a wash."""
    edge = frame.short * 0.035
    inner = []
    for side in range(4):
        for step in range(14):
            share = step / 14
            wobble = edge * chance.uniform(0.7, 1.0)
            inner.append(
                [
                    (share * frame.width, wobble),
                    (frame.width - wobble, share * frame.height),
                    (frame.width * (1 - share), frame.height - wobble),
                    (wobble, frame.height * (1 - share)),
                ][side]
            )
    outer = f"M-5 -5H{number(frame.width + 5)}V{number(frame.height + 5)}H-5Z"
    return f'<path fill="#fbf7ee" fill-rule="evenodd" d="{outer}{polygon(inner)}"/>'


def _edge(frame: Frame, colours: Palette) -> str:
    """A slight vignette."""
    rings = []
    outer = f"M0 0H{number(frame.width)}V{number(frame.height)}H0Z"
    for reach, opacity in ((0.7, 0.03), (0.665, 0.03), (0.63, 0.03)):
        across, down = number(frame.width * reach), number(frame.height * reach)
        left, middle = number(frame.width * (0.5 - reach)), number(frame.height / 2)
        twice = number(frame.width * reach * 2)
        hole = f"M{left} {middle}a{across} {down} 0 1 0 {twice} 0a{across} {down} 0 1 0 -{twice} 0Z"
        rings.append(f'<path fill="{colours.ink}" fill-opacity="{opacity}" fill-rule="evenodd" d="{outer}{hole}"/>')
    return "".join(rings)


def sparks(frame: Frame, colours: Palette, chance: Random) -> str:
    """A few four-pointed glints for an abstract scene."""
    commands = "".join(
        star(
            chance.uniform(0.06, 0.94) * frame.width,
            chance.uniform(0.05, 0.42) * frame.height,
            chance.uniform(10, 26),
            4,
            0.18,
        )
        for _ in range(12)
    )
    return path(commands, mix(colours.glow, "#ffffff", 0.5))
