"""A sketch from first word to last pixel: read, choose colours, compose, paint, render."""

from __future__ import annotations

import hashlib
from random import Random

from palio.providers.sketch.colour import luminance, mix
from palio.providers.sketch.composition import compose
from palio.providers.sketch.frame import Frame, frame
from palio.providers.sketch.ground import ground
from palio.providers.sketch.lettering import caption
from palio.providers.sketch.painting import halo, painted
from palio.providers.sketch.palette import Palette, palette
from palio.providers.sketch.raster import rasterise
from palio.providers.sketch.reading import Reading, read
from palio.providers.sketch.sketch import Sketch
from palio.providers.sketch.sky import sky
from palio.providers.sketch.sources import backdrop, resized, snapshots
from palio.providers.sketch.svg import rectangle
from palio.providers.sketch.weather import lightning, sparks, veil


def illustrate(sketch: Sketch) -> bytes:
    """PNG bytes of exactly the sketch's width and height."""
    if sketch.sources and sketch.strength == 0.0 and len(sketch.sources) == 1:
        return resized(sketch.sources[0], sketch.width, sketch.height)
    return rasterise(scene(sketch))


def scene(sketch: Sketch) -> str:
    """The whole picture as one SVG document. No text of the prompt is ever part of it: words become strokes."""
    reading = read(sketch.prompt, sketch.negative_prompt)
    canvas = frame(sketch.width, sketch.height, reading.place)
    colours = palette(reading, _chance(sketch, "palette"))
    setting = _setting(sketch, reading, canvas, colours)
    subjects = _subjects(sketch, reading, canvas, colours)
    atmosphere = veil(reading, canvas, colours, _chance(sketch, "veil"))
    if sketch.sources:
        layers = _over_source(sketch, canvas, colours, setting, subjects, atmosphere)
    else:
        layers = setting + subjects + atmosphere
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{sketch.width}" height="{sketch.height}" '
        f'viewBox="0 0 {canvas.width:.3f} {canvas.height:.3f}" preserveAspectRatio="none">{layers}</svg>'
    )


def _setting(sketch: Sketch, reading: Reading, canvas: Frame, colours: Palette) -> str:
    bolt = lightning(canvas, _chance(sketch, "bolt")) if reading.weather == "storm" and reading.place != "room" else ""
    return (
        sky(reading, canvas, colours, _chance(sketch, "sky"))
        + bolt
        + ground(reading, canvas, colours, _chance(sketch, "ground"))
    )


def _subjects(sketch: Sketch, reading: Reading, canvas: Frame, colours: Palette) -> str:
    chance = _chance(sketch, "subjects")
    composed = compose(reading, canvas, chance)
    parts = [halo(placed, reading, colours) for placed in composed]
    parts += [painted(placed, reading, canvas, colours, chance) for placed in composed]
    if reading.caption:
        parts.append(_lettered(sketch, reading, canvas, colours))
    return "".join(parts)


def _lettered(sketch: Sketch, reading: Reading, canvas: Frame, colours: Palette) -> str:
    """The caption across the lower part of the picture, or in a single strip below its subjects' feet."""
    words, shade = "#fdf6e3", colours.ink
    if reading.place == "abstract":
        shade = colours.ink if colours.is_dark else mix(colours.ink, "#000000", 0.2)
    elif not colours.is_dark and luminance(colours.near) > 0.7:
        words, shade = mix(colours.ink, "#000000", 0.2), mix(colours.haze, "#ffffff", 0.4)
    foot, height = (0.97, 0.1) if reading.subjects else (0.93, 0.3)
    set_words = caption(
        reading.caption,
        canvas.width / 2,
        canvas.height * foot,
        canvas.width * 0.84,
        canvas.height * height,
        words,
        shade,
    )
    return (sparks(canvas, colours, _chance(sketch, "sparks")) if reading.place == "abstract" else "") + set_words


def _over_source(sketch: Sketch, canvas: Frame, colours: Palette, setting: str, subjects: str, atmosphere: str) -> str:
    """The source below, the scene over it: first a wash, then the scene itself as the strength grows."""
    strength = sketch.strength
    if strength >= 1.0:
        return setting + subjects + atmosphere
    if strength <= 0.0:
        setting = subjects = atmosphere = ""
    first, *others = sketch.sources
    return "".join(
        (
            backdrop(first, canvas),
            rectangle(0, 0, canvas.width, canvas.height, colours.glow, 0.12 * strength) if strength > 0 else "",
            _faded(setting, max(0.0, strength * 1.15 - 0.25)),
            snapshots(tuple(others), canvas, colours.ink),
            _faded(subjects, min(1.0, strength * 1.6)),
            _faded(atmosphere, strength),
        )
    )


def _faded(layer: str, opacity: float) -> str:
    if opacity <= 0.0 or not layer:
        return ""
    return layer if opacity >= 1.0 else f'<g opacity="{opacity:.3f}">{layer}</g>'


def _chance(sketch: Sketch, purpose: str) -> Random:
    """A random source for one purpose, the same on every machine for the same words and seed."""
    said = "\x1f".join((purpose, str(sketch.seed), sketch.prompt, sketch.negative_prompt))
    return Random(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest())  # noqa: S311
