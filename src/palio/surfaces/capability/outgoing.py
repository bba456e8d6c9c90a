"""A request to an API, made of a call and what the caller brings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import msgspec

from palio.errors import BadRequest
from palio.surfaces.capability.consuming import is_header_value
from palio.surfaces.capability.plan import Call, Credential, Fixed, FromBody, Json, Parameter, Source

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

JSON = "application/json"
_CHECKED_TYPES = ("", JSON, "text/json")
"""Media types whose bodies are looked into; any other is the business of caller and API."""


@dataclass(frozen=True)
class Body:
    """Bytes, with their `Content-Type` and `Content-Encoding` as the caller gave them, or "" if they did not."""

    data: bytes = b""
    type: str = ""
    encoding: str = ""


class Incoming(Protocol):
    """What the caller brings."""

    body: Body
    headers: Mapping[str, str]
    """Headers that go on to the API, by lower-case name."""

    def value(self, source: Source) -> Json:
        """What a source stands for; None if the caller did not bring it."""

    def credential(self, place: Credential) -> str | None:
        """The caller's own, from the same place."""


@dataclass(frozen=True)
class Outgoing:
    """A request to an API; `url` is encoded."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


def outgoing(call: Call, incoming: Incoming, *, own_credential: bool) -> Outgoing:
    """The request that a call makes; `own_credential` puts the caller's in place of the file's. Raises BadRequest."""
    headers = {name: value for name, value in incoming.headers.items() if not name.startswith("content-")}
    path: dict[str, str] = {}
    query: list[tuple[str, str]] = []
    body: Body | None = None
    for parameter, source in call.sources:
        if isinstance(source, FromBody):
            body = _checked(incoming.body, parameter, call.method)
            continue
        value = source.value if isinstance(source, Fixed) else incoming.value(source)
        if value is None:
            if parameter.required:
                raise BadRequest.at(parameter.name, "is required")
            continue
        match parameter.place:
            case "path":
                path[parameter.name] = _segment(parameter, value)
            case "query":
                query += ((parameter.name, text) for text in _texts(parameter, value))
            case "header":
                headers[parameter.name.lower()] = _header(parameter, value)
            case "body":
                body = _made(parameter, value)
    if body is not None and body.data:
        headers.setdefault("content-type", body.type or JSON)
        if body.encoding:
            headers.setdefault("content-encoding", body.encoding)
    if call.credential is not None:
        _authenticate(
            call.credential,
            incoming.credential(call.credential) if own_credential else None,
            own_credential,
            headers,
            query,
        )
    url = f"{call.base_uri}{call.path.fill(path)}"
    if query:
        url += "?" + "&".join(f"{_quote(name)}={_quote(text)}" for name, text in query)
    return Outgoing(call.method, url, headers, body.data if body is not None and body.data else None)


def _authenticate(
    credential: Credential, own: str | None, is_own: bool, headers: dict[str, str], query: list[tuple[str, str]]
) -> None:
    """Let the call in, whatever a parameter of the same name says."""
    value = own if is_own else credential.value
    if credential.place == "header":
        headers.pop(credential.name.lower(), None)
        if value is not None:
            headers[credential.name] = value
        return
    query[:] = [(name, text) for name, text in query if name != credential.name]
    if value is not None:
        query.append((credential.name, value))


def _checked(body: Body, parameter: Parameter, method: str) -> Body | None:
    if not body.data:
        if parameter.required:
            raise BadRequest.at(parameter.name, "is required: the request has no body")
        return None
    is_readable = body.type.partition(";")[0].strip().lower() in _CHECKED_TYPES and not body.encoding
    if parameter.type == "object" and is_readable:
        try:
            value = _decode(body.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise BadRequest.at(parameter.name, f"is not valid JSON: {error}") from None
        # A JSON Patch is an array, whatever the file calls it.
        if not isinstance(value, dict) and not (method == "PATCH" and isinstance(value, list)):
            raise BadRequest.at(parameter.name, "must be a JSON object")
    return body


def _made(parameter: Parameter, value: Json) -> Body:
    try:
        return Body(_encode(value), JSON)
    except UnicodeEncodeError:
        raise _no_text(parameter) from None


def _segment(parameter: Parameter, value: Json) -> str:
    texts = _texts(parameter, value)
    if len(texts) != 1:
        raise BadRequest.at(parameter.name, "must be one value")
    if texts[0] in ("", ".", ".."):
        raise BadRequest.at(parameter.name, "must not be empty, `.` or `..`")
    return texts[0]


def _header(parameter: Parameter, value: Json) -> str:
    text = ", ".join(_texts(parameter, value))
    if not is_header_value(text):
        raise BadRequest.at(parameter.name, "must not have line breaks or other control characters")
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _no_text(parameter)
    return text


def _texts(parameter: Parameter, value: Json) -> Sequence[str]:
    """A value as it is written outside of JSON; an array is as many values."""
    match value:
        case str():
            try:
                value.encode(errors="surrogateescape")
            except UnicodeEncodeError:
                raise _no_text(parameter) from None
            return (value,)
        case bool():
            return ("true" if value else "false",)
        case int():
            return (str(value),)
        case float():
            return (str(int(value)) if value.is_integer() else repr(value),)
        case list():
            return [text for item in value if item is not None for text in _texts(parameter, item)]
        case _:
            raise BadRequest.at(parameter.name, f"an object cannot be in a {parameter.place}")


def _quote(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")


def _no_text(parameter: Parameter) -> BadRequest:
    return BadRequest.at(parameter.name, "has half a character, which cannot be sent")
