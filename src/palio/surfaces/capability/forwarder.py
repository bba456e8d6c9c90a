"""The way to the APIs: pooled connections, time-outs, and replies whose bodies come as they come."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from yarl import URL

from palio.errors import Problem
from palio.surfaces.capability.outgoing import Outgoing

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
"""Connections to all APIs together; more requests wait for one."""

KEEP_SECONDS = 4.0
"""How long an unused connection is kept: less than servers do, so that none is closed just as it is used again."""

_NOT_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that the client would add by itself."""


class BadGateway(Problem):
    """The API could not be reached, or what it said was no HTTP."""

    status = 502
    title = "Bad Gateway"


class GatewayTimeout(Problem):
    """The API did not answer in time."""

    status = 504
    title = "Gateway Timeout"


@dataclass(frozen=True)
class Patience:
    """Seconds to wait for a free connection, for a new one, and for the next bytes of a reply."""

    free: float = 30.0
    connect: float = 10.0
    read: float = 150.0


class ReplyBroken(Exception):
    """The rest of a body did not come, after its status had."""


@dataclass(frozen=True)
class Reply:
    """What an API answers. Its body can be read once, within `Forwarder.send`."""

    status: int
    reason: str
    headers: tuple[tuple[bytes, bytes], ...]
    """As they came, names in lower case."""
    body: aiohttp.StreamReader

    def header(self, name: bytes) -> str:
        """A header by its lower-case name, "" if it is not there."""
        return next((value for key, value in self.headers if key == name), b"").decode("latin-1")

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self.header(b"content-type").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """How long the body is said to be, if it is."""
        declared = self.header(b"content-length")
        return int(declared) if declared.isdigit() else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; no more is read ahead than fits a buffer. Raises ReplyBroken."""
        try:
            async for chunk in self.body.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReplyBroken(type(error).__name__) from error

    async def read(self, limit: int) -> bytes | None:
        """The whole body, or None if it is longer than `limit` bytes. Raises ReplyBroken."""
        data = b""
        async for chunk in self.chunks():
            data += chunk
            if len(data) > limit:
                return None
        return data


class Forwarder:
    """Sends requests to APIs. Redirects are replies like others; cookies are forgotten."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Forwarder":
        patience = self._patience
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=patience.free + patience.connect,
                sock_connect=patience.connect,
                sock_read=patience.read,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NOT_OURS,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def send(self, request: Outgoing) -> AsyncIterator[Reply]:
        """The reply to a request. Raises BadGateway and GatewayTimeout."""
        assert self._session is not None, "the forwarder is not open"  # noqa: S101
        try:
            response = await self._session.request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
            )
        except TimeoutError as error:
            log.warning("no reply to %s within the time: %s", request.method, type(error).__name__)
            raise GatewayTimeout("the API did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            # Its message can have the address, which can have a credential.
            log.warning("%s failed: %s", request.method, type(error).__name__)
            raise BadGateway("the API could not be reached, or broke off before it answered") from error
        try:
            headers = tuple((name.lower(), value) for name, value in response.raw_headers)
            yield Reply(response.status, response.reason or "", headers, response.content)
        finally:
            response.close()  # closes the connection, unless the body was read to its end
