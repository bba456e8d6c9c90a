"""The REST application: operations become routes; every failure becomes a problem document."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import wraps

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from palio import __version__
from palio.errors import Problem
from palio.surfaces.rest.docs import Docs
from palio.surfaces.rest.operation import Handler, Operation
from palio.surfaces.rest.replies import json_reply, on_any_exception, on_http_exception, problem_reply
from palio.surfaces.rest.requests import check_url

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]

EXPOSED = [
    "X-Civitai-Cost-Total",
    "X-Civitai-Cost-By-Currency",
    "X-Civitai-Insufficient-Buzz",
    "X-NSFW-Level",
    "Retry-After",
]
"""Reply headers that pages in a browser may read."""


def application(operations: tuple[Operation, ...], lifespan: Lifespan, further: Sequence[BaseRoute] = ()) -> Starlette:
    """The application that serves these operations, with their description at /openapi.json and /docs.

    `further` are routes that answer for themselves and are not described.
    """
    routes: list[BaseRoute] = [
        Route(operation.path, _with_problems(operation.handler), methods=[operation.method], name=operation.name)
        for operation in operations
    ]
    # A browser may call from any page: without a bearer token, which no page can guess, it gets nothing.
    cors = Middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED
    )
    app = Starlette(
        routes=[*routes, *further, Route("/health", _health), *Docs(operations).routes()],
        middleware=[cors],
        exception_handlers={HTTPException: on_http_exception, Problem: _on_problem, Exception: on_any_exception},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _with_problems(handler: Handler) -> Handler:
    """Failures are answered here: sooner and cheaper than by Starlette's exception handlers, which come after CORS."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            check_url(request)
            return await handler(request)
        except Problem as problem:
            return problem_reply(problem)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody will read
        except Exception as error:
            return await on_any_exception(request, error)

    return answer


async def _on_problem(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return problem_reply(error)


async def _health(_request: Request) -> Response:
    return json_reply({"status": "ok", "version": __version__})
