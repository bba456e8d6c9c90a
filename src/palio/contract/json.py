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
