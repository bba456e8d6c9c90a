"""Small pieces of SVG text. Flat opaque shapes cost resvg almost nothing, gradients and filters a great deal, so soft
things are drawn here as a few stacked shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from palio.providers.sketch.colour import Stops, along

Point = tuple[float, float]


def number(value: float) -> str:
    """At most one decimal: the canvas is a thousand units on its short side."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def at(x: float, y: float) -> str:
    """A pair of path coordinates."""
    return f"{number(x)} {number(y)}"


def fill(colour: str, opacity: float = 1.0) -> str:
    return f'fill="{colour}"' if opacity >= 1 else f'fill="{colour}" fill-opacity="{opacity:.3f}"'


def path(commands: str, colour: str, opacity: float = 1.0) -> str:
    return f'<path {fill(colour, opacity)} d="{commands}"/>'


def line(commands: str, colour: str, width: float, opacity: float = 1.0) -> str:
    """A stroked path with round ends."""
    faded = "" if opacity >= 1 else f' stroke-opacity="{opacity:.3f}"'
    return (
        f'<path fill="none" stroke="{colour}" stroke-width="{number(width)}" stroke-linecap="round" '
        f'stroke-linejoin="round"{faded} d="{commands}"/>'
    )


def rectangle(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1.0) -> str:
    box = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f"<rect {box} {fill(colour, opacity)}/>"


def ellipse(x: float, y: float, across: float, down: float, colour: str, opacity: float = 1.0) -> str:
    """An ellipse by its centre and half-axes."""
    box = f'cx="{number(x)}" cy="{number(y)}" rx="{number(across)}" ry="{number(down)}"'
    return f"<ellipse {box} {fill(colour, opacity)}/>"


def disc(x: float, y: float, radius: float, colour: str, opacity: float = 1.0) -> str:
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" {fill(colour, opacity)}/>'


def dots(points: Iterable[tuple[float, float, float]], colour: str, opacity: float = 1.0) -> str:
    """Many round dots (x, y, radius) as one path."""
    commands = "".join(
        f"M{at(x - r, y)}a{at(r, r)} 0 1 0 {number(2 * r)} 0a{at(r, r)} 0 1 0 {number(-2 * r)} 0Z" for x, y, r in points
    )
    return path(commands, colour, opacity) if commands else ""


def bands(y: float, height: float, width: float, stops: Stops, count: int = 96) -> str:
    """A vertical gradient over the whole width as overlapping flat strips, seamless after anti-aliasing."""
    step = height / count
    colours = [along(stops, (index + 0.5) / count) for index in range(count)]
    return "".join(
        rectangle(0, y + index * step, width, min(2 * step, height - index * step), colour)
        for index, colour in enumerate(colours)
    )


def glow(x: float, y: float, radius: float, colour: str, strength: float, rings: int = 7) -> str:
    """Light around a point as stacked translucent discs; `strength` is the opacity at the centre."""
    each = 1 - (1 - strength) ** (1 / rings)
    return "".join(disc(x, y, radius * (1 - ring / rings) ** 0.9, colour, each) for ring in range(rings))


def shadow(x: float, y: float, across: float, colour: str, strength: float = 0.3) -> str:
    """A soft contact shadow on the ground."""
    return "".join(
        ellipse(x, y, across * size, across * size * 0.17, colour, strength * share)
        for size, share in ((1.1, 0.3), (0.9, 0.4), (0.66, 0.5))
    )


def curve(points: Sequence[Point]) -> str:
    """Path commands of a smooth curve through the points (horizontal-tangent cubics)."""
    commands = [f"M{at(points[0][0], points[0][1])}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = number((x0 + x1) / 2)
        commands.append(f"C{middle} {number(y0)} {middle} {at(y1, x1)} {number(y1)}")
    return "".join(commands)


def polygon(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{at(x, y)}" for x, y in points) + "Z"


def star(x: float, y: float, radius: float, points: int = 4, waist: float = 0.34) -> str:
    """Path commands of a star."""
    corners = []
    for index in range(points * 2):
        length = radius if index % 2 == 0 else radius * waist
        angle = math.pi * index / points - math.pi / 2
        corners.append((x + length * math.cos(angle), y + length * math.sin(angle)))
    return polygon(corners)
