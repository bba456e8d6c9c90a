"""What every server of Palio listens with: sockets, connections, the event loop."""

import asyncio
import socket
import sys
from typing import Literal

from palio.errors import SetupError


def listen(host: str, port: int, flag: str) -> socket.socket:
    """A socket that listens; port 0 is any that is free. Raises SetupError, which advises `flag` for another port."""
    try:
        return socket.create_server((host, port), family=_family(host), backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetupError(f"cannot listen on {host}:{port}: {reason}; choose another with --{flag}") from error


def connection_type() -> type[asyncio.Protocol] | Literal["h11"]:
    """What uvicorn is to make of a connection."""
    if sys.platform == "win32":
        return "h11"
    from palio.surfaces.connection import BoundedConnection

    return BoundedConnection


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def _family(host: str) -> socket.AddressFamily:
    try:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except OSError as error:
        raise SetupError(f"cannot listen on {host}: {error.strerror or error}") from error
