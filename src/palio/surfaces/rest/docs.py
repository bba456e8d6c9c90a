"""The description of the API for machines (/openapi.json) and for people (/docs, Swagger UI, served from here)."""

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from palio.errors import NotFound
from palio.surfaces.rest.openapi import openapi
from palio.surfaces.rest.operation import Operation

_ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Palio API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", persistAuthorization: true});</script>
</body>
</html>
"""


class Docs:
    """Routes that describe the operations. The document is made when it is first asked for."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations

    def routes(self) -> list[BaseRoute]:
        """/openapi.json and /docs."""
        return [
            Route("/openapi.json", self._openapi),
            Route("/docs", self._page),
            Route("/docs/{asset}", self._asset),
        ]

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(openapi(self._operations))

    async def _openapi(self, _request: Request) -> Response:
        return Response(self._document, media_type="application/json")

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse(_PAGE)

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["asset"]
        if name not in _ASSETS:
            raise NotFound(f"there is no {name!r} here")
        data = files("swagger_ui").joinpath("static", name).read_bytes()
        return Response(data, headers={"Cache-Control": "public, max-age=86400"}, media_type=_ASSETS[name])
