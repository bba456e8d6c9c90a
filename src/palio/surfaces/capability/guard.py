"""Keeps pages in a browser from using the ports: they would spend the bound key of whoever looks at them."""

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from palio.errors import Forbidden
from palio.surfaces.capability.problems import Misdirected, send_problem


class Guard:
    """Lets a request through unless it came by a page of another origin.

    On loopback it must also have been meant for this machine: a page whose name was led to 127.0.0.1 (DNS rebinding)
    is of one origin with what it calls, but the host that it calls still has its name.
    """

    def __init__(self, app: ASGIApp, *, is_loopback: bool) -> None:
        self._app = app
        self._is_loopback = is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host = headers.get(b"host", b"").decode("latin-1")
            origin = headers.get(b"origin", b"").decode("latin-1")
            if self._is_loopback and not is_loopback(_name_of(host)):
                await send_problem(send, Misdirected("this server is for its own machine; say 127.0.0.1 or localhost"))
                return
            if origin and not self._is_own(origin, host):
                await send_problem(send, Forbidden("pages of other origins cannot call this server"))
                return
        await self._app(scope, receive, send)

    def _is_own(self, origin: str, host: str) -> bool:
        there = origin.partition("://")[2]
        return there == host or (self._is_loopback and is_loopback(_name_of(there)))


@lru_cache(maxsize=256)  # asked for each request, and mostly of the same name
def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine and nobody else's."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
