"""Pictures: whether bytes are one, how large it is, and the same picture in the encoding that was asked for.

Bytes come from providers and strangers, so the size is read from the header and checked before anything is
decoded, and everything is decoded once before it is called a picture. What is already right is kept byte for
byte; metadata is written into the container, without encoding the pixels again.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from palio.blobs.metadata import embed
from palio.contract.image.job import OutputFormat
from palio.errors import PalioError

PREVIEW_SIDE = 450
"""Longest side of a preview, in pixels."""

_JPEG_QUALITY = 92
_PREVIEW_QUALITY = 80
_MAX_JPEG_SCANS = 256
_ORIENTATION = 0x0112
_TINY_BYTES = 4096
_TINY_PIXELS = 128 * 128


class UnreadableImage(PalioError):
    """These bytes are not a picture that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest picture that is decoded, and the largest that a user may send (bytes as sent)."""

    max_pixels: int = 50_000_000
    max_side: int = 16_383
    """Pixels; WebP cannot hold more."""
    max_bytes: int = 128 * 1024 * 1024
    max_input_bytes: int = 20 * 1024 * 1024


DEFAULT_LIMITS: Final = ImageLimits()


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a picture is. `width` and `height` are as it is stored, before any orientation is applied."""

    media_type: str
    width: int
    height: int
    format: OutputFormat | None
    """None for GIF, which can be sent but not asked for."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: its file, and width and height in pixels."""

    data: bytes
    format: OutputFormat
    width: int
    height: int


def inspect(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> ImageFacts:
    """What the picture in `data` is, having decoded all of it. Raises UnreadableImage."""
    image, encoding = _decode(data, limits)
    return ImageFacts(encoding.media_type, image.width, image.height, encoding.format)


def finish(
    data: bytes,
    *,
    format: OutputFormat,
    image_metadata: str | None,
    provenance: Mapping[str, str],
    limits: ImageLimits = DEFAULT_LIMITS,
) -> Picture:
    """The picture in `data` as it is handed out: checked, encoded as `format`, upright, with its metadata.

    `image_metadata` is the caller's text, `provenance` names who made the picture (`Software`, `Provider`,
    `Copyright` ...). Transparency becomes white in JPEG. Raises UnreadableImage, and BadRequest for text that is too
    long (`metadata.MAX_METADATA`).
    """
    image, encoding = _decode(data, limits)
    picture: Image.Image = image
    if encoding.format is not format or _must_be_redrawn(image):
        picture = _upright(image)
        data = _encode(picture, format)
    if image_metadata is not None or provenance:
        data = embed(data, format, image_metadata, provenance)
    return Picture(data, format, picture.width, picture.height)


def as_input(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Picture:
    """The picture in `data` as any provider can take it: upright PNG, JPEG or WebP. Raises UnreadableImage."""
    image, encoding = _decode(data, limits)
    if encoding.format is not None and not _must_be_redrawn(image):
        return Picture(data, encoding.format, image.width, image.height)
    upright, format = _upright(image), encoding.format or OutputFormat.png
    return Picture(_encode(upright, format), format, upright.width, upright.height)


def preview(data: bytes, max_side: int = PREVIEW_SIDE, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """A JPEG no larger than `max_side` on either side. Raises UnreadableImage."""
    # JPEG can be decoded at an eighth of its size, in a fraction of the time.
    image, _ = _decode(data, limits, draft=(max_side, max_side))
    picture = _with_plain_pixels(_upright(image), alpha=False)
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _encode(picture, OutputFormat.jpeg, _PREVIEW_QUALITY)


@dataclass(frozen=True, slots=True)
class _Encoding:
    name: str
    media_type: str
    format: OutputFormat | None
    open: Callable[[io.BytesIO], ImageFile]


_PNG = _Encoding("PNG", "image/png", OutputFormat.png, PngImageFile)
_JPEG = _Encoding("JPEG", "image/jpeg", OutputFormat.jpeg, JpegImageFile)
_WEBP = _Encoding("WebP", "image/webp", OutputFormat.webp, WebPImageFile)
_GIF = _Encoding("GIF", "image/gif", None, GifImageFile)


def _decode(data: bytes, limits: ImageLimits, draft: tuple[int, int] | None = None) -> tuple[ImageFile, _Encoding]:
    encoding = _encoding_of(data, limits)
    try:
        # The class of the encoding, not Image.open: that would try others, and warn about sizes in its own way.
        image = encoding.open(io.BytesIO(data))
        _refuse_large(image, limits)
        # Phones append a depth map or a second view to a JPEG: only the picture itself is opened above.
        if getattr(image, "is_animated", False):
            raise UnreadableImage("the image is animated; a still image is needed")
        if draft is not None:
            image.draft("RGB", draft)
        image.load()
        _refuse_large(image, limits)
    except UnreadableImage:
        raise
    except Exception as error:
        # On bytes made to confuse it Pillow raises nearly anything: SyntaxError, struct.error, IndexError ...
        raise UnreadableImage(f"the {encoding.name} data cannot be decoded: {_reason(error)}") from None
    return image, encoding


def _encoding_of(data: bytes, limits: ImageLimits) -> _Encoding:
    if not data:
        raise UnreadableImage("there are no bytes")
    if len(data) > limits.max_bytes:
        raise UnreadableImage(f"the image has {len(data)} bytes; at most {limits.max_bytes} are read")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG
    if data.startswith(b"\xff\xd8\xff"):
        # A progressive JPEG may repeat tiny scans, each of which costs a pass over all pixels.
        if data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
            raise UnreadableImage(f"the JPEG has more than {_MAX_JPEG_SCANS} scans")
        return _JPEG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _WEBP
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _GIF
    raise UnreadableImage("this is not a PNG, JPEG, WebP or GIF image")


def _refuse_large(image: ImageFile, limits: ImageLimits) -> None:
    width, height = image.size
    if max(width, height) > limits.max_side:
        raise UnreadableImage(f"the image is {width} x {height}; a side has at most {limits.max_side} pixels")
    if width * height > limits.max_pixels:
        raise UnreadableImage(f"the image is {width} x {height}; at most {limits.max_pixels} pixels are decoded")


def _must_be_redrawn(image: ImageFile) -> bool:
    return image.mode == "CMYK" or _orientation(image) != 1


def _orientation(image: ImageFile) -> int:
    if "exif" not in image.info:
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        # Broken EXIF is no reason to refuse a picture that decodes.
        return 1
    return orientation if orientation in range(1, 9) else 1


def _upright(image: ImageFile) -> Image.Image:
    return ImageOps.exif_transpose(image) if _orientation(image) != 1 else image


def _encode(image: Image.Image, format: OutputFormat, quality: int = _JPEG_QUALITY) -> bytes:
    picture = _with_plain_pixels(image, alpha=format is not OutputFormat.jpeg)
    # A profile describes the numbers of one colour model and is wrong for any other.
    kept = image.mode != "CMYK" and Image.getmodebase(image.mode) == Image.getmodebase(picture.mode)
    profile = image.info.get("icc_profile") if kept else None
    out = io.BytesIO()
    try:
        if format is OutputFormat.png:
            picture.save(out, "PNG", compress_level=4, icc_profile=profile)
        else:
            picture.save(out, format.name.upper(), quality=quality, icc_profile=profile)
    except (OSError, ValueError) as error:
        raise UnreadableImage(f"the image cannot be encoded as {format}: {_reason(error)}") from None
    return out.getvalue()


def _with_plain_pixels(image: Image.Image, *, alpha: bool) -> Image.Image:
    """Grey, RGB or RGBA with 8 bits a channel; without `alpha` what shines through is white."""
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits to 8 instead of scaling them.
        image = image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if alpha:
            return image
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    if image.mode in ("L", "1"):
        return image.convert("L")
    return image if image.mode == "RGB" else image.convert("RGB")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
