"""All ports in one process, until it is told to stop."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from palio.errors import NotFound, PalioError
from palio.surfaces.capability.forwarder import Forwarder
from palio.surfaces.capability.guard import Guard, is_loopback
from palio.surfaces.capability.loading import MCP_PATH, Auth
from palio.surfaces.capability.plan import Port
from palio.surfaces.capability.problems import send_problem
from palio.surfaces.capability.rest import MAX_BODY, Resources
from palio.surfaces.capability.skills import Catalog
from palio.surfaces.capability.tools import Tools
from palio.surfaces.listening import connection_type, listen, new_loop

GRACE_SECONDS = 5
"""How long replies under way may take after the runner was told to stop."""

MAX_CONNECTIONS = 1000
"""Connections of callers at once; requests on more are answered 503."""


def serve(ports: Sequence[Port], host: str, auth: Auth) -> None:
    """Serve until SIGINT or SIGTERM. Raises SetupError if a port cannot be had."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(listen(host, port.number, "port-offset")) for port in ports]
        runner = Runner(ports, is_loopback=is_loopback(host), auth=auth)
        with asyncio.Runner(loop_factory=new_loop) as loop:
            try:
                loop.run(uvicorn.Server(runner.config()).serve(sockets=sockets))
            except SystemExit:  # uvicorn could not start
                raise PalioError("the runner had to stop; its log says why") from None


class Runner:
    """The application of all ports; which one a request came to is told by its socket."""

    def __init__(
        self, ports: Sequence[Port], *, is_loopback: bool, auth: Auth, forwarder: Forwarder | None = None
    ) -> None:
        self._forwarder = forwarder or Forwarder()
        self._managers: list[StreamableHTTPSessionManager] = []
        own_credential = auth == "caller"
        self._apps: Mapping[int, ASGIApp] = {
            port.number: Guard(self._application(port, own_credential), is_loopback=is_loopback) for port in ports
        }
        self.app = Router(default=self._dispatch, lifespan=self._lifespan)

    def config(self) -> uvicorn.Config:
        """How uvicorn is to serve it."""
        return uvicorn.Config(
            self.app,
            http=connection_type(),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
        )

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)

    def _application(self, port: Port, own_credential: bool) -> ASGIApp:
        routes: list[BaseRoute] = []
        if port.tools:
            routes.append(Route(MCP_PATH, StreamableHTTPASGIApp(self._manager(port, own_credential))))
        if port.skills:
            routes += Catalog(port.skills).routes()
        if port.routes:
            routes.append(Resources(port.routes, self._forwarder, own_credential=own_credential))
        return Router(routes, redirect_slashes=False, default=_not_found)

    def _manager(self, port: Port, own_credential: bool) -> StreamableHTTPSessionManager:
        tools = Tools(port, self._forwarder, own_credential=own_credential)
        manager = StreamableHTTPSessionManager(
            tools.server,
            json_response=True,
            # A call needs nothing from the one before it; without sessions there is nothing to run out of.
            stateless=True,
            max_request_body_size=MAX_BODY,
            # `Guard` has seen to hosts and origins already, for all that is on the port.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._managers.append(manager)
        return manager

    @asynccontextmanager
    async def _lifespan(self, _app: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._forwarder)
            for manager in self._managers:
                await stack.enter_async_context(manager.run())
            _say_ready(self._apps)
            # What is there now stays: no collection needs to look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 20)
            yield


def _say_ready(ports: Iterable[int]) -> None:
    print(
        f"Palio is ready for capabilities on port {', '.join(str(port) for port in ports)}", file=sys.stderr, flush=True
    )


async def _not_found(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    await send_problem(send, NotFound("there is nothing here; `palio capability check` shows what the files expose"))
