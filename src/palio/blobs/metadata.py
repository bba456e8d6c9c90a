"""Text inside image files: the caller's own (`imageMetadata`) and who made the picture.

Written into the container next to the compressed pixels, which stay as they are. PNG has text chunks (the
caller's text under `parameters`, where image tools look for it), JPEG and WebP have EXIF (UserComment, and
ImageDescription where there is room).
"""

import binascii
import io
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from palio.contract.image.fields import MAX_EMBEDDED
from palio.contract.image.job import OutputFormat
from palio.errors import BadRequest

MAX_METADATA: Final = MAX_EMBEDDED
"""Characters of `imageMetadata` that fit in any format: EXIF in JPEG ends at 64 KB."""

_MAX_PROVENANCE = 800
"""Bytes of one provenance value in UTF-8; the rest is cut off."""
_PARAMETERS = "parameters"

_PNG_TEXTS = (b"tEXt", b"iTXt", b"zTXt")
_EXIF_HEADER = b"Exif\0\0"
_MAX_EXIF = 65_535 - 2 - len(_EXIF_HEADER)
_ASCII, _LONG, _UNDEFINED = 2, 4, 7
_IMAGE_DESCRIPTION = 0x010E
_EXIF_DIRECTORY = 0x8769
_USER_COMMENT = 0x9286
_PROVENANCE_TAGS = {"Provider": 0x010F, "Model": 0x0110, "Software": 0x0131, "Artist": 0x013B, "Copyright": 0x8298}
"""EXIF's maker, model, software, artist and copyright."""

_ALPHA_FLAG, _EXIF_FLAG = 0x10, 0x08


def embed(data: bytes, format: OutputFormat, image_metadata: str | None, provenance: Mapping[str, str]) -> bytes:
    """The file in `data`, which is in `format`, with these texts in place of any that stood there before.

    EXIF that a JPEG or WebP had is replaced as a whole, and names only provider, model, software, artist and
    copyright; PNG takes any provenance. Raises BadRequest for texts that are too long.
    """
    if image_metadata is not None and len(image_metadata) > MAX_METADATA:
        raise BadRequest.at("imageMetadata", f"must be at most {MAX_METADATA} characters")
    origin = tuple(provenance.items())
    if format is OutputFormat.png:
        return _embed_in_png(data, *_png_texts(image_metadata, origin))
    exif = _exif(image_metadata, origin)
    return _embed_in_jpeg(data, exif) if format is OutputFormat.jpeg else _embed_in_webp(data, exif)


def read_metadata(data: bytes) -> str | None:
    """The caller's text in a PNG, JPEG or WebP file, or None."""
    with Image.open(io.BytesIO(data)) as image:
        if isinstance(image, PngImageFile):
            return image.text.get(_PARAMETERS)
        comment = image.getexif().get_ifd(_EXIF_DIRECTORY).get(_USER_COMMENT)
    if not isinstance(comment, bytes) or not comment.startswith(b"UNICODE\0"):
        return None
    return comment[8:].decode("utf-16-be", "replace")


def _embed_in_png(data: bytes, texts: bytes, keywords: frozenset[bytes]) -> bytes:
    parts = [data[:8]]
    for kind, chunk in _png_chunks(data):
        if kind in _PNG_TEXTS and bytes(chunk[8:88]).partition(b"\0")[0] in keywords:
            continue
        parts.append(bytes(chunk))
        if kind == b"IHDR":
            parts.append(texts)
    return b"".join(parts)


@lru_cache(maxsize=64)
def _png_texts(image_metadata: str | None, provenance: tuple[tuple[str, str], ...]) -> tuple[bytes, frozenset[bytes]]:
    """Text chunks, and the keywords that older chunks must no longer have."""
    texts = {_keyword(key): _shortened(value) for key, value in provenance}
    if image_metadata is not None:
        texts[_keyword(_PARAMETERS)] = _printable(image_metadata)
    return b"".join(_png_text(keyword, text) for keyword, text in texts.items()), frozenset(texts)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view = memoryview(data)
    position = 8
    while position < len(data):
        length = int.from_bytes(view[position : position + 4], "big")
        end = position + 12 + length
        yield bytes(view[position + 4 : position + 8]), view[position:end]
        position = end


def _png_text(keyword: bytes, text: str) -> bytes:
    try:
        kind, body = b"tEXt", keyword + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, body = b"iTXt", keyword + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", binascii.crc32(kind + body))


def _keyword(key: str) -> bytes:
    return key.encode("latin-1", "replace")[:79]


def _embed_in_jpeg(data: bytes, exif: bytes) -> bytes:
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(_EXIF_HEADER) + len(exif)) + _EXIF_HEADER + exif
    head, rest = [data[:2]], 2
    # JFIF, where there is one, has to stay the first segment.
    for marker, start, end in _jpeg_leading_segments(data):
        if not (marker == 0xE1 and data.startswith(_EXIF_HEADER, start + 4)):
            head.append(data[start:end])
        rest = end
    at = 2 if len(head) > 1 and head[1][1] == 0xE0 else 1
    return b"".join([*head[:at], segment, *head[at:], data[rest:]])


def _jpeg_leading_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the application segments and comments a JPEG begins with."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            return
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        yield marker, position, end
        position = end


def _embed_in_webp(data: bytes, exif: bytes) -> bytes:
    chunks = [(kind, body) for kind, body in _webp_chunks(data) if kind != b"EXIF"]
    header = bytearray(chunks.pop(0)[1]) if chunks[0][0] == b"VP8X" else _webp_header(*chunks[0])
    header[0] |= _EXIF_FLAG
    chunks = [(b"VP8X", bytes(header)), *chunks, (b"EXIF", exif)]
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(chunk)) + chunk + b"\0" * (len(chunk) % 2) for kind, chunk in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    position = 12
    while position + 8 <= end:
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _webp_header(kind: bytes, body: bytes) -> bytearray:
    """The extended header for a file that did without one. Sizes stand at the start of the bit stream.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    flags = 0
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF
        flags = _ALPHA_FLAG if bits >> 28 & 1 else 0
    else:
        width = (int.from_bytes(body[6:8], "little") & 0x3FFF) - 1
        height = (int.from_bytes(body[8:10], "little") & 0x3FFF) - 1
    return bytearray(bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little"))


@lru_cache(maxsize=64)
def _exif(image_metadata: str | None, provenance: tuple[tuple[str, str], ...]) -> bytes:
    """A TIFF structure, big-endian: some readers take UserComment for big-endian whatever the file says."""
    main = {
        _PROVENANCE_TAGS[key]: (_ASCII, _shortened(value).encode() + b"\0")
        for key, value in provenance
        if key in _PROVENANCE_TAGS
    }
    if image_metadata is None:
        return _tiff(main, {})
    text = _printable(image_metadata)
    comment = {_USER_COMMENT: (_UNDEFINED, b"UNICODE\0" + text.encode("utf-16-be"))}
    described = {**main, _IMAGE_DESCRIPTION: (_ASCII, text.encode() + b"\0")}
    whole = _tiff(described, comment)
    return whole if len(whole) <= _MAX_EXIF else _tiff(main, comment)


def _tiff(main: Mapping[int, tuple[int, bytes]], exif: Mapping[int, tuple[int, bytes]]) -> bytes:
    header = b"MM\0\x2a\0\0\0\x08"
    if not exif:
        return header + _directory(main, len(header))
    # The pointer has a fixed size, so a first draft tells where the second directory will start.
    pointer = {_EXIF_DIRECTORY: (_LONG, bytes(4))}
    at = len(header) + len(_directory({**main, **pointer}, len(header)))
    first = _directory({**main, _EXIF_DIRECTORY: (_LONG, struct.pack(">I", at))}, len(header))
    return header + first + _directory(exif, at)


def _directory(entries: Mapping[int, tuple[int, bytes]], offset: int) -> bytes:
    """An image file directory that starts at `offset`, followed by the values too long for their entries."""
    table = [struct.pack(">H", len(entries))]
    values = b""
    values_at = offset + 2 + 12 * len(entries) + 4
    for tag, (kind, value) in sorted(entries.items()):
        count = len(value) // 4 if kind == _LONG else len(value)
        if len(value) <= 4:
            place = value.ljust(4, b"\0")
        else:
            place = struct.pack(">I", values_at + len(values))
            values += value + b"\0" * (len(value) % 2)
        table.append(struct.pack(">HHI", tag, kind, count) + place)
    return b"".join([*table, bytes(4), values])


def _printable(text: str) -> str:
    """Text as every container can hold it: no NUL, which ends a text, and no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _shortened(text: str) -> str:
    return _printable(text).encode()[:_MAX_PROVENANCE].decode("utf-8", "ignore")
