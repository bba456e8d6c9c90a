"""The one seam to the renderer and to the image library, both loaded on first use."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def rasterise(svg: str) -> bytes:
    """Render SVG text to a PNG of the pixels its root element asks for.

    System fonts are never read: the same text gives the same bytes on every machine."""
    import resvg_py

    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            skip_system_fonts=True,
            image_rendering="optimize_speed",
        )
    )


def picture(encoded: bytes) -> Image:
    """Decode an encoded image."""
    from PIL import Image

    return Image.open(io.BytesIO(encoded))
