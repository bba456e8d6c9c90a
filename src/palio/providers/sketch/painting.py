"""Sprites as SVG: recoloured for the light, with shadows and waterlines that seat them in the scene."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from palio.providers.sketch.art import Art, art, cast, coloured, tinted
from palio.providers.sketch.colour import lit, mix
from palio.providers.sketch.composition import Placed
from palio.providers.sketch.frame import Frame
from palio.providers.sketch.grouping import Sprite
from palio.providers.sketch.palette import Palette, grey, watered
from palio.providers.sketch.reading import Reading
from palio.providers.sketch.svg import at, ellipse, glow, line, number, shadow

_SHINING = frozenset(
    {
        "red paper lantern",
        "candle",
        "light bulb",
        "fire",
        "diya lamp",
        "star",
        "glowing star",
        "sparkles",
        "jack-o-lantern",
        "crystal ball",
        "lighthouse",
        "crescent moon",
    }
)


def painted(placed: Placed, reading: Reading, frame: Frame, colours: Palette, chance: Random) -> str:
    """One placed cluster with everything that joins it to the scene."""
    if placed.rests_on == "water":
        return _afloat(placed, reading, colours, chance)
    under = ""
    feet = [sprite for sprite in placed.sprites if abs(sprite.y - placed.y) < sprite.height * 0.08]
    if placed.rests_on == "ground":
        under = "".join(
            shadow(
                sprite.x,
                sprite.y - sprite.height * 0.01,
                min(sprite.width * 0.5, frame.short * 0.42),
                colours.ink,
                0.34,
            )
            for sprite in feet
        )
    return under + "".join(drawn(sprite, reading, colours) for sprite in placed.sprites)


def halo(placed: Placed, reading: Reading, colours: Palette) -> str:
    """The light around what shines, where it is dark enough to see."""
    if not colours.is_dark and reading.light not in {"dusk", "grey"}:
        return ""
    return "".join(
        glow(
            sprite.x,
            sprite.y - sprite.height * 0.55,
            max(sprite.height, sprite.width) * 0.85,
            "#ffd27a",
            0.5,
            rings=5,
        )
        for sprite in placed.sprites
        if sprite.name in _SHINING
    )


def _afloat(placed: Placed, reading: Reading, colours: Palette, chance: Random) -> str:
    """A cluster between its shade on the water and the ripples across its foot; a flock has them one by one."""
    wet = watered(reading, colours)
    deep = mix(wet.near, wet.ink, 0.45)
    if len({sprite.name for sprite in placed.sprites}) == 1:
        floats = [
            (placed.sprites[index : index + 1], sprite.x, sprite.y, sprite.width)
            for index, sprite in enumerate(placed.sprites)
        ]
    else:
        floats = [(placed.sprites, placed.x, placed.waterline, placed.width)]
    return "".join(
        ellipse(x, y, width * 0.56, width * 0.07, deep, 0.5)
        + "".join(drawn(sprite, reading, colours) for sprite in sprites)
        + _ripples(x, y, width, wet, chance)
        for sprites, x, y, width in floats
    )


def drawn(sprite: Sprite, reading: Reading, colours: Palette) -> str:
    """One sprite, placed and recoloured."""
    picture = art(sprite.name)
    if picture is None:
        return ""
    box = picture.bounds
    kept = box.height * sprite.crop
    scale = sprite.height / kept
    line_scale = max(0.5, min(1.15, 6.4 / (2 * scale)))
    body = coloured(picture.body, _paint(sprite, picture, reading, colours), colours.ink, round(line_scale, 2))
    turn = -1 if sprite.flip else 1
    if sprite.crop < 1.0:
        body = (
            f'<svg x="{number(box.left - 4)}" y="{number(box.top - 4)}" width="{number(box.width + 8)}" '
            f'height="{number(kept + 4)}" viewBox="{at(box.left - 4, box.top - 4)} '
            f'{at(box.width + 8, kept + 4)}">{body}</svg>'
        )
    middle, bottom = (box.left + box.right) / 2, box.top + kept
    return (
        f'<g transform="translate({at(sprite.x, sprite.y)})scale({turn * scale:.3f} {scale:.3f})'
        f'translate({-middle:.2f} {-bottom:.2f})">{body}</g>'
    )


def _paint(sprite: Sprite, picture: Art, reading: Reading, colours: Palette) -> Callable[[str], str]:
    own = tinted(picture.main, sprite.tint) if sprite.tint else None
    whole = cast(picture.main, sprite.material) if sprite.material else None
    shines = sprite.name in _SHINING
    light = "#ffffff" if shines else colours.subject_light

    def paint(colour: str) -> str:
        if whole:
            colour = whole(colour)
        if own:
            colour = own(colour)
        colour = lit(colour, light)
        if sprite.distance:
            colour = mix(colour, colours.haze, sprite.distance)
        if reading.weather == "fog":
            colour = mix(colour, colours.haze, 0.12)
        return grey(colour) if reading.medium == "ink" else colour

    return paint


def _ripples(x: float, waterline: float, width: float, colours: Palette, chance: Random) -> str:
    """Ripples across the foot of what floats."""
    parts = []
    for index, tone in enumerate(
        (colours.near, mix(colours.detail, "#ffffff", 0.4), mix(colours.near, colours.ink, 0.2))
    ):
        reach = width * (0.58 + 0.06 * index) * chance.uniform(0.92, 1.05)
        y = waterline + index * 12 - 2
        left = number(x - reach)
        quarter = number(reach / 2)
        parts.append(
            line(
                f"M{left} {number(y)}q{number(reach / 4)} -9 {quarter} 0t{quarter} 0t{quarter} 0t{quarter} 0",
                tone,
                (18, 5, 5)[index],
            )
        )
    return "".join(parts)
