"""JSON values as a type, and the one way to read JSON that a stranger sent."""

from typing import TypeAlias

import msgspec

from palio.errors import BadRequest

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]

MAX_DEPTH = 64
"""How deeply a request may nest arrays and objects."""

_decoder = msgspec.json.Decoder()


def read_json(body: bytes) -> Json:
    """The value in `body`, or BadRequest saying why there is none."""
    if not body:
        raise BadRequest.at("", "the body is empty; send a JSON value")
    try:
        value: Json = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest.at("", f"the body is not valid JSON: {error}") from None
    if is_too_deep(value):
        raise BadRequest.at("", f"the body nests deeper than {MAX_DEPTH} levels")
    # The only way to write this character in JSON. Databases and command lines cannot hold it.
    if b"\\u0000" in body and (place := _place_of_nul(value, "")) is not None:
        raise BadRequest.at(place, "must not have a NUL character")
    return value


def read_object(body: bytes) -> JsonObject:
    """As `read_json`, for a body that must be a JSON object."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise BadRequest.at("", "the body must be a JSON object")
    return value


def is_too_deep(value: Json) -> bool:
    """Whether a value nests deeper than `read_json` lets in."""
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list)) and parent
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True


def _place_of_nul(value: Json, at: str) -> str | None:
    """The path of the first string, or name of a member, that has a NUL character."""
    if isinstance(value, str):
        return at if "\0" in value else None
    if isinstance(value, dict):
        if any("\0" in name for name in value):
            return at
        children = [(f"{at}.{name}" if at else name, child) for name, child in value.items()]
    elif isinstance(value, list):
        children = [(f"{at}[{index}]", child) for index, child in enumerate(value)]
    else:
        return None
    return next((place for path, child in children if (place := _place_of_nul(child, path)) is not None), None)
