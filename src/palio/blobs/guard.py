"""A transport that connects to public addresses only, and to exactly those it has checked.

A name is resolved once, here; every address it has must be public, and the connection goes to one of them by
number. A name server that answers differently a moment later therefore changes nothing. TLS is still checked
against the name, and the `Host` header still carries it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

import httpx

from palio.blobs.addresses import is_public
from palio.errors import PalioError

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host and port, as text. Raises OSError or UnicodeError."""

_LOOKUPS = 8
_MAX_ADDRESSES_TRIED = 3


class AddressRefused(PalioError):
    """A URL leads to where requests on behalf of users may not go."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Refuses (AddressRefused) hosts that are not public, other than `trusted_hosts` (`host:port`, lower case).

    `resolve` finds the addresses of a host; unless given, the system is asked. Connections are not kept: a pool
    knows them by number and would let one host use another's TLS session.
    """

    def __init__(self, trusted_hosts: frozenset[str], resolve: Resolve | None = None) -> None:
        self._trusted_hosts = trusted_hosts
        self._resolve = resolve or self._ask_system
        # Threads of their own: a name server that does not answer would otherwise hold up all other work.
        self._lookups = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="palio-lookup")
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        *others, last = (await self._checked_addresses(request.url, host))[:_MAX_ADDRESSES_TRIED]
        for address in others:
            try:
                return await self._send(request, host, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(request, host, last)

    async def aclose(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)
        await self._transport.aclose()

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._lookups, look_up)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    async def _checked_addresses(self, url: httpx.URL, host: str) -> Sequence[str]:
        if url.scheme not in ("http", "https") or not host:
            raise AddressRefused("only http and https URLs can be used")
        if url.userinfo:
            raise AddressRefused("a URL with a user name or password cannot be used")
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError, OverflowError):
            addresses = []
        if not addresses:
            raise httpx.ConnectError("its name cannot be found")
        if host_and_port(host, port) not in self._trusted_hosts and not all(map(_is_public, addresses)):
            raise AddressRefused(f"the host {host} is not on the public internet")
        return addresses

    async def _send(self, request: httpx.Request, host: str, address: str) -> httpx.Response:
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._transport.handle_async_request(pinned)


def host_and_port(host: str, port: int) -> str:
    """A host as `trusted_hosts` spells it: `localhost:8188`, `[::1]:8188`."""
    name = host.lower().removesuffix(".")
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _is_public(address: str) -> bool:
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return is_public(parsed)
