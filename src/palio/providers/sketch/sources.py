"""Pictures a caller brings along: kept, framed into a backdrop, or faded beneath the new scene."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Final

from palio.providers.sketch.frame import Frame
from palio.providers.sketch.raster import picture
from palio.providers.sketch.svg import at, number, rectangle

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST_SIDE: Final = 1024
_SNAPSHOT_SIDE: Final = 384


def resized(encoded: bytes, width: int, height: int) -> bytes:
    """The picture alone, covering exactly width x height pixels, as PNG."""
    return _png(_covering(encoded, width, height))


def backdrop(encoded: bytes, frame: Frame) -> str:
    """The picture as an SVG image over the whole canvas, cropped to its shape."""
    unit = _LONGEST_SIDE / max(frame.width, frame.height)
    covering = _covering(encoded, max(1, round(frame.width * unit)), max(1, round(frame.height * unit)))
    return _image(covering, 0, 0, frame.width, frame.height)


def snapshots(others: tuple[bytes, ...], frame: Frame, ink: str) -> str:
    """Further pictures as small framed prints along the top edge."""
    parts = []
    side = min(frame.short * 0.24, frame.width * 0.9 / max(1, len(others)) - 20)
    for index, encoded in enumerate(others):
        x = frame.width * (index + 0.5) / len(others) - side / 2
        y = frame.height * 0.05
        tilt = (-4, 3, -2, 5)[index % 4]
        print_ = _image(_covering(encoded, _SNAPSHOT_SIDE, _SNAPSHOT_SIDE), x, y, side, side)
        parts.append(
            f'<g transform="rotate({tilt} {at(x + side / 2, y + side / 2)})">'
            f"{rectangle(x - 6, y - 4, side + 24, side + 40, ink, 0.25)}"
            f"{rectangle(x - 12, y - 12, side + 24, side + 42, '#fbf7ee')}{print_}</g>"
        )
    return "".join(parts)


def _covering(encoded: bytes, width: int, height: int) -> Image:
    from PIL import ImageOps
    from PIL.Image import Resampling

    upright = ImageOps.exif_transpose(picture(encoded))
    flat = upright.convert("RGBA") if "A" in upright.mode or "transparency" in upright.info else upright
    return ImageOps.fit(_on_paper(flat), (width, height), Resampling.LANCZOS)


def _on_paper(image: Image) -> Image:
    """Transparency over white."""
    from PIL import Image as Images

    if image.mode != "RGBA":
        return image.convert("RGB")
    paper = Images.new("RGBA", image.size, (255, 255, 255, 255))
    return Images.alpha_composite(paper, image).convert("RGB")


def _image(image: Image, x: float, y: float, width: float, height: float) -> str:
    data = base64.b64encode(_png(image)).decode("ascii")
    return (
        f'<image x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
        f'preserveAspectRatio="none" xlink:href="data:image/png;base64,{data}"/>'
    )


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
