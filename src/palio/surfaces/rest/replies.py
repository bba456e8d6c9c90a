"""Replies as bytes: documents, problems, nothing."""

import logging
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from palio.contract.json import JsonObject
from palio.contract.problem import problem_document
from palio.errors import Problem, TooBusy, Unauthorized

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON document; msgspec structs are written as the contract wants them."""
    return Response(_encode(value), status, headers, "application/json")


def no_content(headers: Mapping[str, str] | None = None) -> Response:
    """204."""
    return Response(status_code=204, headers=headers)


def problem_reply(problem: Problem) -> Response:
    """A problem document, with the headers its status asks for."""
    headers = {}
    if isinstance(problem, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(problem, TooBusy):
        headers["Retry-After"] = "1"
    return _problem(problem_document(problem), problem.status, headers)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the router raises: no such route, or not this method."""
    if not isinstance(error, HTTPException):
        raise error
    detail, headers = error.detail, dict(error.headers or {})
    if error.status_code == 404:
        detail = f"there is nothing at {request.url.path[:200]}; /docs shows what there is"
    elif error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
        detail = f"{request.method} cannot be done here; {headers['Allow']} can"
    document: JsonObject = {
        "type": "about:blank",
        "title": error.detail,
        "status": error.status_code,
        "detail": detail,
    }
    return _problem(document, error.status_code, headers)


async def on_any_exception(request: Request, error: Exception) -> Response:
    """A fault of ours: told in the log, not to the caller."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem(
        {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "the server could not do this; its log says why",
        },
        500,
        {},
    )


def _methods(request: Request) -> list[str]:
    """What can be done at the path of a request. The router itself names only what its first route can."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route.methods or () for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for methods in found for method in methods})


def _problem(document: JsonObject, status: int, headers: Mapping[str, str]) -> Response:
    return Response(_encode(document), status, headers, "application/problem+json")
