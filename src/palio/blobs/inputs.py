"""Image references: the one string by which users give an image. A URL, a data URL, or bare Base64."""

import asyncio
import binascii
import re
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar
from urllib.parse import unquote_to_bytes

from palio.blobs.fetch import Fetcher, FetchFailed
from palio.blobs.images import ImageLimits, UnreadableImage, as_input
from palio.errors import PalioError

P = ParamSpec("P")
T = TypeVar("T")

_URL = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:")
_DATA_URL = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE)
_FROM_URL_SAFE = str.maketrans("-_", "+/", " \t\r\n=")


class BadImage(PalioError):
    """An image reference that does not lead to a usable image; the message is for whoever gave it."""


class Offload(Protocol):
    """Runs blocking work elsewhere, as `asyncio.to_thread` does."""

    async def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


def is_url(reference: str) -> bool:
    """Whether a reference is an http or https URL."""
    return _URL.match(reference) is not None


async def load_image(
    reference: str, limits: ImageLimits, fetcher: Fetcher, offload: Offload = asyncio.to_thread
) -> bytes:
    """The PNG, JPEG or WebP that a reference leads to, decoded once to be sure of it. Raises BadImage."""
    if not is_url(reference):
        return await offload(_inline_image, reference, limits)
    try:
        data = await fetcher.fetch(reference, limits.max_input_bytes)
    except FetchFailed as error:
        raise BadImage(f"the image could not be fetched: {error}") from None
    return await offload(_image, data, limits)


def _inline_image(reference: str, limits: ImageLimits) -> bytes:
    return _image(_inline_bytes(reference, limits.max_input_bytes), limits)


def _inline_bytes(reference: str, max_bytes: int) -> bytes:
    # Three times: percent-encoded text takes three characters a byte.
    if len(reference) > 3 * max_bytes + 200:
        raise BadImage(f"the image is larger than {max_bytes} bytes")
    match = _DATA_URL.match(reference)
    if match is None:
        if _SCHEME.match(reference):
            raise BadImage("an image is an http or https URL, a data URL, or Base64; this is another kind of URL")
        data = _from_base64(reference)
    elif match[1].lower().split(";")[-1].strip() == "base64":
        data = _from_base64(unquote_to_bytes(reference[match.end() :]).decode("ascii", "replace"))
    else:
        data = unquote_to_bytes(reference[match.end() :])
    if len(data) > max_bytes:
        raise BadImage(f"the image is larger than {max_bytes} bytes")
    return data


def _from_base64(text: str) -> bytes:
    """Base64 as people send it: wrapped, URL-safe or without its padding."""
    digits = text.translate(_FROM_URL_SAFE)
    try:
        return binascii.a2b_base64(digits + "=" * (-len(digits) % 4), strict_mode=True)
    except ValueError:
        raise BadImage("the image is neither a URL nor valid Base64") from None


def _image(data: bytes, limits: ImageLimits) -> bytes:
    try:
        return as_input(data, limits).data
    except UnreadableImage as error:
        raise BadImage(f"the image cannot be used: {error}") from None
