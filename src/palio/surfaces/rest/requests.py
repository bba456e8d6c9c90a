"""What is read from requests: the body within bounds, parameters, the base of our own URLs."""

import asyncio
import re

from starlette.requests import Request

from palio.contract.json import Json, JsonObject, read_json, read_object
from palio.errors import BadRequest, NotFound, TooLarge, Unsupported

BODY_SECONDS = 300.0
"""How long a body may take to arrive."""

_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_JSON_TYPES = ("application/json", "text/json")


def check_url(request: Request) -> None:
    """Refuses NUL characters, which databases cannot hold. Raises BadRequest, or NotFound when they are in the path."""
    if "\0" in request.scope["path"]:
        raise NotFound("there is nothing here: the path has a NUL character")
    if b"%00" in request.scope["query_string"]:
        for name, value in request.query_params.multi_items():
            if "\0" in name or "\0" in value:
                raise BadRequest.at(name.replace("\0", ""), "must not have a NUL character")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, unless it is longer than `limit` bytes. Raises BadRequest when it does not come, TooLarge."""
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, limit)
    except TimeoutError:
        raise BadRequest.at("", f"the body did not arrive within {BODY_SECONDS:g} seconds") from None


async def read_json_body(request: Request, limit: int) -> Json:
    """The JSON value in the body. Raises BadRequest, TooLarge, Unsupported."""
    _expect_json(request)
    return read_json(await read_body(request, limit))


async def read_object_body(request: Request, limit: int) -> JsonObject:
    """The JSON object in the body. Raises BadRequest, TooLarge, Unsupported."""
    _expect_json(request)
    return read_object(await read_body(request, limit))


def base_url(request: Request, public_url: str | None) -> str:
    """What our own URLs begin with, for this caller: the host that it asked for, or where it got through to."""
    if public_url is not None:
        return public_url
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        address, port = request.scope["server"]
        host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return f"{request.scope['scheme']}://{host}"


async def _read(request: Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _expect_json(request: Request) -> None:
    declared = request.headers.get("content-type")
    if declared is None:
        return
    media_type = declared.partition(";")[0].strip().lower()
    if media_type not in _JSON_TYPES and not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise Unsupported(f"the body is {media_type}; send application/json")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than the {limit} bytes that this server reads")
