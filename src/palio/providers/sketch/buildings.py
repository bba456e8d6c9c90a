"""Towns of the scenery: skylines, rows of houses, street lamps."""

from __future__ import annotations

from random import Random

from palio.providers.sketch.colour import mix
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.palette import Palette, pick
from palio.providers.sketch.svg import at, disc, glow, line, number, path, polygon, rectangle


def skyline(frame: Frame, colours: Palette, chance: Random, height: float, colour: str, lit_share: float) -> str:
    """Towers along the horizon; `lit_share` of their windows are bright after dark."""
    parts = []
    dim = bright = ""
    x = -20.0
    while x < frame.width:
        width = frame.short * chance.uniform(0.07, 0.15)
        tall = frame.short * height * chance.uniform(0.45, 1.15)
        top = frame.horizon - tall
        tone = mix(colour, colours.ink, chance.uniform(0, 0.14))
        parts.append(rectangle(x, top, width, tall + 4, tone))
        parts.append(rectangle(x + width * 0.72, top, width * 0.28, tall + 4, mix(tone, colours.ink, 0.14)))
        if chance.random() < 0.3:
            parts.append(line(f"M{at(x + width / 2, top)}v{number(-frame.short * 0.05)}", tone, 5))
        step = frame.short * 0.03
        row = top + step * 0.8
        while row < frame.horizon - step:
            for column in range(1, max(2, int(width / step))):
                pane = _pane(x + column * step - step * 0.3, row, step * 0.45, step * 0.5)
                if chance.random() < (lit_share + 0.2 if colours.is_dark else 0.06):
                    bright += pane
                elif chance.random() < 0.55:
                    dim += pane
            row += step * 1.15
        x += width * chance.uniform(0.9, 1.12)
    if colours.is_neon and lit_share > 0.1:
        parts.append(_signs(frame, chance))
    return (
        "".join(parts)
        + path(dim, mix(colour, colours.ink, 0.22))
        + path(bright, "#ffdf8a" if colours.is_dark else "#fdf3cf")
    )


def _pane(x: float, y: float, width: float, height: float) -> str:
    """Path commands of one window."""
    return f"M{at(x, y)}h{number(width)}v{number(height)}h{number(-width)}Z"


def _signs(frame: Frame, chance: Random) -> str:
    """Upright neon signs with strokes that spell nothing."""
    parts = []
    for _ in range(round(6 * frame.width / frame.short)):
        x, tall = chance.uniform(0.04, 0.92) * frame.width, frame.short * chance.uniform(0.12, 0.2)
        y, width = frame.horizon - tall - frame.short * chance.uniform(0.03, 0.14), frame.short * 0.042
        tone = chance.choice(("#ff4fc3", "#3fe8ff", "#ffd23f", "#7dff8a"))
        marks = "".join(f"M{at(x + 12, y + 20 + 26 * row)}h{number(width - 24)}v9" for row in range(int(tall / 26) - 1))
        parts.append(glow(x + width / 2, y + tall / 2, tall * 0.75, tone, 0.3, rings=4))
        parts.append(rectangle(x, y, width, tall, "#1b0f33"))
        parts.append(line(f"M{at(x, y)}h{number(width)}v{number(tall)}h{number(-width)}Z{marks}", tone, 5))
    return "".join(parts)


def houses(frame: Frame, colours: Palette, chance: Random, base: float, snowy: bool) -> str:
    """A row of gabled houses standing on `base`."""
    walls = ("#f0d9b5", "#e8b89a", "#cfd8c4", "#e9cfc0", "#d6c3dd", "#f3e6c8")
    roofs = ("#b5563f", "#8f4a45", "#6a6f8a", "#a5643a")
    parts = []
    x = -30.0
    while x < frame.width:
        width, tall = frame.short * chance.uniform(0.13, 0.2), frame.short * chance.uniform(0.12, 0.24)
        top = base - tall
        wall = mix(colours.seen(pick(chance, walls)), colours.haze, 0.16)
        roof = mix(colours.seen(pick(chance, roofs)), colours.haze, 0.14)
        pane = "#ffdf8a" if colours.is_dark or chance.random() < 0.15 else mix(colours.sky[0][1], "#ffffff", 0.3)
        eave = width * 0.08
        gable = [(x - eave, top), (x + width / 2, top - width * 0.5), (x + width + eave, top)]
        parts.append(
            rectangle(x + width * 0.68, top - width * 0.42, width * 0.12, width * 0.3, mix(roof, colours.ink, 0.3))
        )
        parts.append(rectangle(x, top, width, tall + 4, wall))
        parts.append(rectangle(x + width * 0.8, top, width * 0.2, tall + 4, mix(wall, colours.ink, 0.1)))
        parts.append(path(polygon(gable), colours.seen("#f5fafd") if snowy else roof))
        windows = ""
        row = top + width * 0.12
        while row < base - width * 0.4:
            for column in (0.16, 0.56):
                windows += _pane(x + width * column, row, width * 0.2, width * 0.24)
            row += width * 0.4
        parts.append(path(windows, pane))
        parts.append(
            rectangle(x + width * 0.38, base - width * 0.3, width * 0.2, width * 0.3, mix(roof, colours.ink, 0.25))
        )
        x += width * chance.uniform(1.0, 1.1)
    return "".join(parts)


def lamp_posts(frame: Frame, colours: Palette, chance: Random, base: float) -> str:
    parts = []
    spacing = frame.short * 0.62
    x = chance.uniform(0.06, 0.14) * frame.short
    while x < frame.width:
        top = base - frame.short * 0.3
        post = mix(colours.ink, colours.haze, 0.15)
        parts.append(line(f"M{at(x, base)}V{number(top)}", post, 8))
        parts.append(line(f"M{at(x - 14, base)}h28", post, 9))
        if colours.is_dark:
            parts.append(glow(x, top - 12, frame.short * 0.11, "#ffdf8a", 0.5, rings=4))
        parts.append(disc(x, top - 10, 16, "#ffe9a8" if colours.is_dark else mix(colours.haze, "#ffffff", 0.6)))
        x += spacing
    return "".join(parts)
