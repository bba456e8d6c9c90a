"""What is read from requests: the body within bounds, parameters, the base of our own URLs."""

from starlette.requests import Request

from palio.contract.json import Json, JsonObject, read_json, read_object
from palio.errors import BadRequest, TooLarge, Unsupported

_JSON_TYPES = ("application/json", "text/json")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, unless it is longer than `limit` bytes. Raises TooLarge."""
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json_body(request: Request, limit: int) -> Json:
    """The JSON value in the body. Raises BadRequest, TooLarge, Unsupported."""
    _expect_json(request)
    return read_json(await read_body(request, limit))


async def read_object_body(request: Request, limit: int) -> JsonObject:
    """The JSON object in the body. Raises BadRequest, TooLarge, Unsupported."""
    _expect_json(request)
    return read_object(await read_body(request, limit))


def base_url(request: Request, public_url: str | None) -> str:
    """What our own URLs begin with, for this caller."""
    if public_url is not None:
        return public_url
    host = request.headers.get("host")
    if not host or not host.isascii() or any(character in host for character in "/\\@?#<>\"' "):
        raise BadRequest.at("Host", "must name this server")
    return f"{request.scope['scheme']}://{host}"


def _expect_json(request: Request) -> None:
    declared = request.headers.get("content-type")
    if declared is None:
        return
    media_type = declared.partition(";")[0].strip().lower()
    if media_type not in _JSON_TYPES and not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise Unsupported(f"the body is {media_type}; send application/json")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than the {limit} bytes that this server reads")
