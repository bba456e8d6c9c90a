"""Water and its edges: sea, beach, seabed, ice."""

from __future__ import annotations

import math
from random import Random

from palio.providers.sketch.basin import Basin, basin
from palio.providers.sketch.colour import mix
from palio.providers.sketch.flora import conifer, coral, palm, seaweed, stone
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.palette import Palette, watered
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.relief import land, level, peaks, ridge, stroke, trees
from palio.providers.sketch.svg import at, bands, curve, dots, line, number, path, polygon


def sea(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    far = ridge(frame, frame.horizon - frame.short * 0.05, frame.short * 0.05, chance, 330)
    shore = mix(colours.seen("#5f9468"), colours.haze, 0.5)
    low = [
        (x, y + frame.short * 0.035)
        for x, y in ridge(frame, frame.horizon - frame.short * 0.03, frame.short * 0.02, chance, 300)
    ]
    parts = [
        land(far, frame, mix(colours.far, colours.haze, 0.45)),
        land(low, frame, shore),
        trees(reading, low, frame, colours, chance, 13, 0.16 if reading.season else 0.08, 0.3),
    ]
    parts.append(
        water(
            frame,
            colours,
            chance,
            frame.horizon,
            frame.height,
            colours.near,
            mix(colours.far, colours.sky[-1][1], 0.3),
        )
    )
    return "".join(parts)


def beach(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    isle = [
        (frame.width * 0.6, frame.horizon + 4),
        (frame.width * 0.78, frame.horizon - 46),
        (frame.width * 1.02, frame.horizon + 4),
    ]
    sand = ridge(frame, frame.horizon + rise * 0.42, rise * 0.07, chance, 600)
    foam = [(x, y - 15) for x, y in sand]
    wet = [(x, y - 34 + 8 * math.sin(x)) for x, y in sand]
    parts = [
        path(curve(isle) + "Z", mix(colours.seen("#5f9468"), colours.haze, 0.5)),
        water(frame, colours, chance, frame.horizon, frame.horizon + rise * 0.6, colours.mid, colours.far),
        land(wet, frame, mix(colours.mid, "#ffffff", 0.35)),
        land(foam, frame, mix(colours.near, "#ffffff", 0.7)),
        land(sand, frame, colours.near),
        line(
            "".join(stroke(frame, frame.horizon + rise * depth, chance) for depth in (0.6, 0.72, 0.84, 0.93)),
            colours.detail,
            6,
            0.7,
        ),
    ]
    if not reading.without & {"palm tree", "palm", "tree", "trees"}:
        x = chance.choice((0.07, 0.93)) * frame.width
        lean = 0.16 if x < frame.width / 2 else -0.16
        parts.append(
            palm(
                x,
                frame.horizon + rise * 0.62,
                frame.short * 0.46,
                colours.seen("#4c9a5a"),
                colours.seen("#9a6a42"),
                lean,
            )
        )
    parts += [
        stone(
            chance.uniform(0, frame.width),
            frame.horizon + rise * chance.uniform(0.55, 0.97),
            chance.uniform(14, 44),
            colours.seen(chance.choice(("#c9b79c", "#f0a58f", "#fff3e0"))),
        )
        for _ in range(9)
    ]
    return "".join(parts)


def underwater(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    parts = []
    for _ in range(5):
        x, spread = chance.uniform(0, frame.width), chance.uniform(50, 120)
        reach = frame.height * chance.uniform(0.55, 0.85)
        parts.append(
            path(
                polygon([(x, 0), (x + spread, 0), (x + spread * 2.4, reach), (x + spread * 0.4, reach)]),
                "#ffffff",
                0.07,
            )
        )
    rise = frame.height - frame.horizon
    back = ridge(frame, frame.horizon - rise * 0.5, rise * 0.5, chance, 300)
    front = ridge(frame, frame.horizon + rise * 0.2, rise * 0.12, chance, 500)
    parts += [land(back, frame, mix(colours.far, colours.sky[-2][1], 0.3))]
    for _ in range(round(9 * frame.width / frame.short)):
        x = chance.uniform(0, frame.width)
        parts.append(
            seaweed(
                x,
                level(back, x) + 20,
                frame.short * chance.uniform(0.1, 0.28),
                mix(colours.mid, colours.far, 0.5),
                chance,
            )
        )
    parts.append(land(front, frame, colours.near))
    for _ in range(round(11 * frame.width / frame.short)):
        edge = chance.choice((chance.uniform(0, 0.3), chance.uniform(0.7, 1)))
        x = edge * frame.width
        y = level(front, x) + rise * chance.uniform(0.05, 0.5)
        kind = chance.random()
        if kind < 0.4:
            parts.append(
                seaweed(
                    x,
                    y,
                    frame.short * chance.uniform(0.1, 0.24),
                    colours.seen(chance.choice(("#2f8f6a", "#4fae6f"))),
                    chance,
                )
            )
        elif kind < 0.75 and not reading.without & {"coral"}:
            parts.append(
                coral(
                    x,
                    y,
                    frame.short * chance.uniform(0.06, 0.13),
                    colours.seen(chance.choice(("#f27d68", "#f0a3c0", "#e8b04c", "#a77fd6"))),
                )
            )
        else:
            parts.append(stone(x, y, chance.uniform(40, 100), colours.seen("#7f8c94")))
    bubbles = [
        (chance.uniform(0, frame.width), chance.uniform(0, frame.horizon), chance.uniform(3, 13))
        for _ in range(round(26 * frame.width / frame.short))
    ]
    parts += [
        dots(bubbles, "#e8fbff", 0.35),
        dots([(x - r * 0.3, y - r * 0.3, r * 0.3) for x, y, r in bubbles], "#ffffff", 0.8),
    ]
    return "".join(parts)


def snow(reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    rise = frame.height - frame.horizon
    edge_of_ice = frame.horizon + rise * 0.06
    open_water = basin(reading, frame)
    is_afloat = open_water is not None and open_water.reaches(frame.stand)
    parts = [
        peaks(frame, colours, chance, 0.2, mix(colours.mid, colours.haze, 0.35), 0.25),
        water(
            frame,
            colours,
            chance,
            edge_of_ice,
            frame.height if is_afloat else frame.horizon + rise * 0.5,
            colours.seen("#5f9fc9"),
            colours.seen("#8fc0de"),
        ),
    ]
    for _ in range(round(4 * frame.width / frame.short)):
        x, y, size = (
            chance.uniform(0, frame.width),
            edge_of_ice + rise * chance.uniform(0.05, 0.22),
            chance.uniform(40, 110),
        )
        parts.append(
            path(
                polygon(
                    [
                        (x - size, y),
                        (x - size * 0.6, y - size * 0.4),
                        (x - size * 0.1, y - size * 0.3),
                        (x + size * 0.2, y - size * 0.55),
                        (x + size, y),
                    ]
                ),
                colours.far,
            )
        )
        parts.append(
            path(
                polygon([(x + size * 0.2, y - size * 0.55), (x + size, y), (x + size * 0.1, y)]),
                colours.detail,
            )
        )
    if is_afloat:
        return "".join(parts)
    near = ridge(frame, frame.horizon + rise * 0.4, rise * 0.06, chance, 500)
    shade = [(x, y + 26) for x, y in near]
    parts += [land(near, frame, colours.mid), land(shade, frame, colours.near)]
    parts.append(
        line(
            "".join(stroke(frame, frame.horizon + rise * depth, chance) for depth in (0.6, 0.7, 0.82, 0.92)),
            colours.detail,
            5,
            0.6,
        )
    )
    for edge in (chance.uniform(0.02, 0.12), chance.uniform(0.88, 0.98)):
        if not reading.without & {"tree", "trees"}:
            parts.append(
                conifer(
                    edge * frame.width,
                    frame.horizon + rise * 0.56,
                    frame.short * chance.uniform(0.2, 0.34),
                    colours.seen("#4a7f80"),
                    colours.seen("#f5fafd"),
                )
            )
    return "".join(parts)


def lake(basin: Basin, reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """A lake laid over land: its sheet of water between uneven banks."""
    wet = watered(reading, colours)
    bottom = min(basin.bottom, frame.height)
    parts = [water(frame, wet, chance, basin.top, bottom, wet.near, mix(wet.far, colours.sky[-1][1], 0.3))]
    swell = (frame.height - frame.horizon) * 0.016
    near_bank = () if basin.reaches(frame.stand) else ((bottom, -1, colours.near),)
    for edge, inward, earth in ((basin.top, 1, mix(colours.mid, colours.near, 0.5)), *near_bank):
        bank = ridge(frame, edge + 1.5 * inward * swell, swell, chance, 240)
        foot = [(x, y + inward * 7) for x, y in bank]
        for points, colour in ((foot, mix(earth, colours.ink, 0.3)), (bank, earth)):
            parts.append(path(f"{curve(points)}V{number(edge - inward)}H{number(points[0][0])}Z", colour))
    return "".join(parts)


def water(frame: Frame, colours: Palette, chance: Random, top: float, bottom: float, near: str, far: str) -> str:
    """A sheet of water with glints that widen towards the viewer."""
    parts = [bands(top, bottom - top, frame.width, [(0.0, far), (1.0, near)], 40)]
    glints = shades = ""
    for _ in range(round(46 * frame.width / frame.short)):
        depth = chance.random() ** 0.8
        y, x = top + (bottom - top) * depth, chance.uniform(-40, frame.width)
        length = (20 + 100 * depth) * chance.uniform(0.6, 1.3)
        ripple = f"M{at(x, y)}q{at(length / 4, -3 - 6 * depth)} {number(length / 2)} 0t{number(length / 2)} 0"
        if chance.random() < 0.6:
            glints += ripple
        else:
            shades += ripple
    parts.append(line(shades, mix(near, colours.ink, 0.3), 4, 0.5))
    parts.append(line(glints, mix(colours.detail, colours.sky[-1][1], 0.5), 4, 0.75))
    return "".join(parts)
