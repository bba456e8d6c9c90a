"""The door to MCP over HTTP: who may come in, and the sessions behind it, made when the first client is there.

The SDK is imported only then: most servers never meet an agent, and would pay half a second at the start and 25 MiB
for nothing.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from palio.errors import NotFound, Problem, Unauthorized
from palio.surfaces.mcp.tools import Caller, Tools
from palio.surfaces.rest.accounts import Accounts
from palio.surfaces.rest.replies import json_reply, problem_reply
from palio.surfaces.rest.requests import base_url, read_body

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from palio.surfaces.mcp.sessions import Sessions

PATH = "/mcp"
METADATA = "/.well-known/oauth-protected-resource"

MAX_SESSIONS = 1000
"""Sessions open at the same time. Clients of the protocol's versions since 2026-07-28 need none."""

IDLE_SECONDS = 30 * 60
"""How long a session without a request stays open."""

STOP_SECONDS = 2.0
"""How long calls under way may take to answer when the server stops; what they wait for is let go by then."""


@dataclass(frozen=True, slots=True)
class Doorway:
    """Where clients reach MCP. `hosts` are the names this server goes by, besides those of loopback."""

    port: int
    rest_port: int
    public_url: str | None
    hosts: Sequence[str]
    max_body: int

    def base_url(self, request: Request) -> str:
        """What URLs of REST begin with: the host that the client asked for, at the port of REST."""
        base = base_url(request, self.public_url)
        if self.public_url is not None or not self.is_own_port(request.scope):
            return base
        parts = urlsplit(base)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{self.rest_port}"

    def is_own_port(self, scope: Scope) -> bool:
        """Whether a request came to the port of MCP, and not to that of REST."""
        server = scope.get("server")
        return server is not None and server[1] == self.port

    def address(self, request: Request) -> str:
        """The address of this server, as the client called it."""
        return base_url(request, None if self.is_own_port(request.scope) else self.public_url)


class McpEndpoint:
    """An ASGI application for everything at `/mcp`, on the port of MCP and on that of REST."""

    def __init__(self, tools: Tools, accounts: Accounts, doorway: Doorway, *, with_aliases: bool) -> None:
        self._tools = tools
        self._accounts = accounts
        self._doorway = doorway
        self._with_aliases = with_aliases
        self._wanted = asyncio.Event()
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._under_way = 0
        self._served: asyncio.Future[_Served] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Keep the sessions, from the first client on until told to stop."""
        await self._wanted.wait()
        if self._stopping.is_set():
            self._served.cancel()
            return
        served = await asyncio.to_thread(_served, self._tools, self._doorway.max_body, self._with_aliases)
        async with served.manager.run():
            self._served.set_result(served)
            await self._stopping.wait()
            await self._finish()

    def stop(self) -> None:
        """Let calls that wait go, and close the sessions once they have answered."""
        self._tools.stop()
        self._stopping.set()
        self._wanted.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            await self._answer(request, receive, send)
        except Problem as problem:
            await self._refusal(request, problem)(scope, receive, send)
        except ClientDisconnect:
            pass  # nobody reads a reply

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        path = request.url.path
        if path == METADATA + PATH:
            await self._metadata(request)(request.scope, receive, send)
            return
        if path != PATH:
            raise NotFound(f"there is nothing at {path[:200]}; MCP is at {PATH}")
        account = await self._accounts.of(request)
        is_message = request.method == "POST"
        if is_message:
            receive = _replay(await read_body(request, self._doorway.max_body), receive)
        self._under_way += is_message
        try:
            await self._hand_over(request, account, receive, send)
        finally:
            self._under_way -= is_message
            if not self._under_way:
                self._idle.set()

    async def _hand_over(self, request: Request, account: str, receive: Receive, send: Send) -> None:
        """To the sessions, as soon as there are any."""
        self._wanted.set()
        if self._stopping.is_set():
            await _stopped()(request.scope, receive, send)
            return
        served = await asyncio.shield(self._served)
        # Not before, because it needs the SDK too.
        from palio.surfaces.mcp.security import identified, refusal

        if (refused := await refusal(request, self._doorway.hosts)) is not None:
            await refused(request.scope, receive, send)
            return
        caller = Caller(account, self._doorway.base_url(request))
        scope = identified(request.scope, caller)
        await served.sessions.serve(served.manager.handle_request, account, scope, receive, send)

    async def _finish(self) -> None:
        """Let calls under way answer, for a little while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while self._under_way:
                    self._idle.clear()
                    await self._idle.wait()

    def _metadata(self, request: Request) -> Response:
        """What RFC 9728 asks for: tokens go in a header. No authorization server gives them out, so none is named."""
        resource = self._doorway.address(request) + PATH
        return json_reply({"resource": resource, "resource_name": "Palio", "bearer_methods_supported": ["header"]})

    def _refusal(self, request: Request, problem: Problem) -> Response:
        reply = problem_reply(problem)
        if isinstance(problem, Unauthorized):
            where = f"{self._doorway.address(request)}{METADATA}{PATH}"
            reply.headers["WWW-Authenticate"] = f'Bearer resource_metadata="{where}"'
        return reply


@dataclass(frozen=True, slots=True)
class _Served:
    """What there is once the first client has come: the SDK's sessions, and whose they are."""

    manager: "StreamableHTTPSessionManager"
    sessions: "Sessions"


def _served(tools: Tools, max_body: int, with_aliases: bool) -> _Served:
    """Imports the SDK, which is done beside the event loop."""
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from palio.surfaces.mcp import security  # noqa: F401 - so that it is there when the first request is looked at
    from palio.surfaces.mcp.protocol import protocol_server
    from palio.surfaces.mcp.sessions import Sessions

    manager = StreamableHTTPSessionManager(
        protocol_server(tools, with_aliases=with_aliases),
        max_request_body_size=max_body,
        max_sessions=MAX_SESSIONS,
        session_idle_timeout=IDLE_SECONDS,
    )
    return _Served(manager, Sessions(IDLE_SECONDS))


def _replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read again; after it comes what else the client does."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _stopped() -> Response:
    return Response("the server stops", 503, {"Retry-After": "5"}, "text/plain")
