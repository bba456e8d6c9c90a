"""Plants and stones of the scenery: flat two-tone shapes, each standing on (x, y) at a given height."""

from __future__ import annotations

import math
from random import Random

from palio.providers.sketch.colour import mix
from palio.providers.sketch.palette import Palette, pick
from palio.providers.sketch.svg import at, curve, disc, dots, ellipse, line, number, path, polygon


def conifer(x: float, y: float, height: float, colour: str, snow: str | None = None) -> str:
    width = height * 0.42
    parts = [
        path(
            polygon([(x - height * 0.03, y), (x + height * 0.03, y), (x, y - height * 0.3)]),
            mix(colour, "#3a2418", 0.6),
        )
    ]
    for bottom, top, share in ((0.08, 0.5, 1.0), (0.32, 0.74, 0.78), (0.58, 1.0, 0.56)):
        half = width * share / 2
        base, tip = y - height * bottom, y - height * top
        parts.append(path(polygon([(x - half, base), (x, base + height * 0.03), (x + half, base), (x, tip)]), colour))
        parts.append(
            path(polygon([(x, base + height * 0.03), (x + half, base), (x, tip)]), mix(colour, "#000020", 0.16))
        )
        if snow:
            cap = height * 0.16
            spread = half * 0.5
            parts.append(
                path(
                    polygon([(x - spread, tip + cap), (x, tip + cap * 0.72), (x + spread, tip + cap), (x, tip)]),
                    snow,
                )
            )
    return "".join(parts)


def broadleaf(x: float, y: float, height: float, colour: str, chance: Random) -> str:
    radius = height * 0.24
    trunk = mix(colour, "#3a2418", 0.72)
    crown = [
        (x - radius * 0.75, y - height * 0.56, radius * 0.82),
        (x + radius * 0.78, y - height * 0.58, radius * 0.8),
        (x, y - height * 0.72, radius * 1.06),
    ]
    lean = chance.uniform(-0.02, 0.02) * height
    bright = [(cx - r * 0.22, cy - r * 0.24, r * 0.68) for cx, cy, r in crown]
    return (
        path(polygon([(x - height * 0.035, y), (x + height * 0.035, y), (x + lean, y - height * 0.6)]), trunk)
        + dots(crown, mix(colour, "#101840", 0.16))
        + dots([(cx - r * 0.06, cy - r * 0.07, r * 0.9) for cx, cy, r in crown], colour)
        + dots(bright, mix(colour, "#fff6c8", 0.2))
    )


def tree(x: float, y: float, height: float, colours: Palette, chance: Random, season: str | None, far: float) -> str:
    """A broad-leaved tree or a conifer, whichever the season and chance ask for, `far` (0 to 1) away."""
    if chance.random() < (0.75 if season == "winter" else 0.18 if season in {"autumn", "spring"} else 0.4):
        snow = mix(colours.seen("#f5f9fc"), colours.haze, far) if season == "winter" else None
        return conifer(x, y, height, mix(colours.seen("#3d7357"), colours.haze, far), snow)
    return broadleaf(x, y, height, mix(pick(chance, colours.foliage), colours.haze, far), chance)


def bush(x: float, y: float, height: float, colour: str) -> str:
    lumps = [
        (x - height * 0.7, y - height * 0.3, height * 0.45),
        (x, y - height * 0.5, height * 0.6),
        (x + height * 0.75, y - height * 0.32, height * 0.48),
    ]
    return dots(lumps, colour) + dots(
        [(cx - r * 0.2, cy - r * 0.25, r * 0.6) for cx, cy, r in lumps], mix(colour, "#fff6c8", 0.16)
    )


def tuft(x: float, y: float, height: float, chance: Random) -> str:
    """Path commands of a tuft of grass, to be gathered into one path."""
    commands = ""
    for blade in range(4):
        foot = x + (blade - 1.5) * height * 0.16
        tip = foot + (blade - 1.5) * height * 0.22 + chance.uniform(-0.1, 0.1) * height
        commands += (
            f"M{at(foot - height * 0.05, y)}"
            f"Q{at(foot, y - height * 0.5)} {at(tip, y - height * chance.uniform(0.7, 1.0))}"
            f"Q{at(foot + height * 0.1, y - height * 0.45)} {at(foot + height * 0.06, y)}Z"
        )
    return commands


def flower(x: float, y: float, height: float, petal: str, leaf: str) -> str:
    radius = height * 0.2
    head = y - height
    petals = [
        (
            x + math.cos(turn * 1.2566) * radius * 0.8,
            head + math.sin(turn * 1.2566) * radius * 0.8,
            radius * 0.62,
        )
        for turn in range(5)
    ]
    return (
        line(f"M{at(x, y)}V{number(head)}", leaf, height * 0.07)
        + ellipse(x + height * 0.13, y - height * 0.3, height * 0.15, height * 0.06, leaf)
        + dots(petals, petal)
        + disc(x, head, radius * 0.45, mix(petal, "#ffd94a", 0.8))
    )


def cactus(x: float, y: float, height: float, colour: str) -> str:
    thick = height * 0.2
    arms = (
        f"M{at(x, y)}V{number(y - height + thick / 2)}"
        f"M{at(x, y - height * 0.38)}H{number(x - height * 0.26)}V{number(y - height * 0.66)}"
        f"M{at(x, y - height * 0.26)}H{number(x + height * 0.25)}V{number(y - height * 0.52)}"
    )
    return line(arms, colour, thick * 0.8) + line(arms, mix(colour, "#fff6c8", 0.2), thick * 0.16)


def palm(x: float, y: float, height: float, leaf: str, trunk: str, lean: float) -> str:
    top_x, top_y = x + lean * height, y - height
    fronds = ""
    for turn in (-3.3, -2.75, -2.1, -1.3, -0.6, -0.05, 0.45, 2.7):
        end_x = top_x + math.cos(turn) * height * 0.44
        end_y = top_y + math.sin(turn) * height * 0.3 + height * 0.1
        bend_x, bend_y = (top_x + end_x) / 2, min(top_y, end_y) - height * 0.1
        fronds += (
            f"M{at(top_x, top_y)}Q{at(bend_x, bend_y)} {at(end_x, end_y)}"
            f"Q{at(bend_x, bend_y + height * 0.14)} {at(top_x, top_y)}Z"
        )
    stem = f"M{at(x, y)}Q{at(x + lean * height * 0.1, y - height * 0.55)} {at(top_x, top_y)}"
    return line(stem, trunk, height * 0.055) + path(fronds, leaf) + dots([(top_x, top_y + 6, height * 0.035)], trunk)


def stone(x: float, y: float, width: float, colour: str) -> str:
    return path(
        curve([(x - width / 2, y), (x - width * 0.1, y - width * 0.42), (x + width * 0.5, y)]) + "Z", colour
    ) + path(
        curve([(x - width / 2, y), (x - width * 0.18, y - width * 0.34), (x + width * 0.05, y)]) + "Z",
        mix(colour, "#ffffff", 0.16),
    )


def seaweed(x: float, y: float, height: float, colour: str, chance: Random) -> str:
    sway = chance.choice((-1, 1)) * height * 0.13
    commands = f"M{at(x, y)}"
    for step in range(1, 4):
        commands += (
            f"Q{at(x + sway * (1 if step % 2 else -1), y - height * (step - 0.5) / 3)} {at(x, y - height * step / 3)}"
        )
    return line(commands, colour, max(6.0, height * 0.07))


def coral(x: float, y: float, height: float, colour: str) -> str:
    commands = ""
    for turn in (-2.3, -1.9, -1.57, -1.2, -0.8):
        reach = height * (1.0 if turn == -1.57 else 0.86)
        commands += (
            f"M{at(x, y)}Q{at(x + math.cos(turn) * reach * 0.2, y - reach * 0.5)} "
            f"{at(x + math.cos(turn) * reach, y + math.sin(turn) * reach)}"
        )
    return line(commands, colour, height * 0.13)


def leaf(x: float, y: float, size: float, turn: float) -> str:
    """Path commands of a fallen leaf."""
    across, down = math.cos(turn) * size, math.sin(turn) * size
    return (
        f"M{at(x, y)}Q{at(x + across * 0.5 - down * 0.5, y + down * 0.5 + across * 0.5)} "
        f"{at(x + across, y + down)}Q{number(x + across * 0.5 + down * 0.5)} "
        f"{at(y + down * 0.5 - across * 0.5, x)} {number(y)}Z"
    )
