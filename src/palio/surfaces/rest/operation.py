"""An operation of the contract: its route, what it takes and replies, and the handler, in one place.

The router and the OpenAPI document are both made from these, so that the description cannot drift from the routes.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from palio.contract.json import JsonObject

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Access(Enum):
    """Who may call an operation."""

    bearer = "bearer"
    """Holders of a bearer token."""
    operator = "operator"
    """Holders of an operator's bearer token."""
    signed = "signed"
    """Holders of a bearer token or of a signed URL."""
    anyone = "anyone"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter."""

    name: str
    schema: JsonObject
    description: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: a JSON schema, or another media type, or nothing."""

    description: str
    schema: JsonObject | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. `path` is a Starlette path: `{tag:path}` takes slashes too."""

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    tag: str
    replies: Mapping[int, Reply]
    parameters: tuple[Parameter, ...] = ()
    body: JsonObject | None = None
    body_media_type: str = "application/json"
    access: Access = Access.bearer


def schema(name: str) -> JsonObject:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}
