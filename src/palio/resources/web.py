"""GET for documents and files of model sites: bounded in redirects, time and size.

Where a request may go at all, the transport decides. A token goes to the origin that it belongs to and to no other,
whatever redirects to where.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
import msgspec

from palio import __version__
from palio.errors import PalioError
from palio.resources.failures import LONG, Passing, Persistence, Unavailable

T = TypeVar("T")

MAX_REDIRECTS = 5
MAX_DOCUMENT = 8 * 1024 * 1024
_MAX_URL = 8192
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds, and how little is still something."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    document_seconds: float = 30.0
    """For a whole document."""
    slow_seconds: float = 60.0
    slow_bytes: int = 256 * 1024
    """A file that brings less than that in `slow_seconds` is too slow."""
    persistence: Persistence = field(default_factory=Persistence)


class Web:
    """The web as it is seen from here. `tokens` are by origin, such as `https://civitai.com`."""

    def __init__(self, transport: httpx.AsyncBaseTransport, tokens: Mapping[str, str], patience: Patience) -> None:
        self.patience = patience
        self._transport = transport
        self._tokens = {origin(httpx.URL(site)): token for site, token in tokens.items()}
        self._timeout = httpx.Timeout(patience.read_seconds, connect=patience.connect_seconds).as_dict()

    async def close(self) -> None:
        """Close what is open."""
        await self._transport.aclose()

    async def document(self, url: str, type_: type[T]) -> T:
        """A JSON document. Raises Unavailable."""
        return await self.patience.persistence.of(lambda: self._document(url, type_))

    @asynccontextmanager
    async def get(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """The answer at the end of all redirects, its body not read. Raises Unavailable and Passing."""
        location = _parsed(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(location, headers)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                target = _target(location, response.headers["Location"])
            finally:
                await response.aclose()
            location = target
        raise Unavailable(f"{location.host} redirects more than {MAX_REDIRECTS} times")

    def accept(self, response: httpx.Response) -> None:
        """Go on with an answer that has what was asked for. Raises Unavailable and Passing for others."""
        host, status = response.request.url.host, response.status_code
        if status in (200, 206):
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
                raise Unavailable(f"{host} sent a compressed body although asked not to")
            return
        if status in (401, 403):
            known = "does not let this token have it" if self._has_token(response) else "wants a token"
            raise Unavailable(f"{host} {known} ({status})")
        if status == 429:
            raise Passing(f"{host} takes no more requests for now (429)", retry_after=_retry_after(response))
        if status >= 500 or status in (408, 425):
            raise Passing(f"{host} answered {status}", retry_after=_retry_after(response))
        raise Unavailable(
            f"{host} does not have it ({status})" if status in (404, 410) else f"{host} answered {status}"
        )

    async def _document(self, url: str, type_: type[T]) -> T:
        host = _parsed(url).host
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self.patience.document_seconds),
                self.get(url, {"Accept": "application/json"}) as response,
            ):
                self.accept(response)
                async for chunk in chunks(response):
                    body += chunk
                    if len(body) > MAX_DOCUMENT:
                        raise Unavailable(f"{host} says more than {MAX_DOCUMENT} bytes")
        except TimeoutError:
            raise Passing(f"{host} did not answer in time") from None
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.ValidationError as error:
            raise Unavailable(f"{host} says what cannot be understood: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable(f"{host} answered with something that is not JSON") from None

    async def _send(self, location: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        token = self._tokens.get(origin(location))
        request = httpx.Request(
            "GET",
            location,
            headers={
                "User-Agent": f"Palio/{__version__}",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                **headers,
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
            extensions={"timeout": self._timeout},
        )
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.HTTPError as error:
            raise Passing(f"{location.host} cannot be reached: {error or type(error).__name__}") from None
        except PalioError as error:  # of a transport that does not go everywhere
            raise Unavailable(str(error)) from None
        response.request = request
        return response

    def _has_token(self, response: httpx.Response) -> bool:
        return origin(response.request.url) in self._tokens


async def chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Passing."""
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        host = response.request.url.host
        raise Passing(f"{host} broke off: {error or type(error).__name__}") from None


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """What has to be the same for two URLs to be of one site."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def _target(location: httpx.URL, target: str) -> httpx.URL:
    try:
        url = _parsed(str(location.join(target)))
    except (httpx.InvalidURL, ValueError):
        raise Unavailable(f"{location.host} redirects to what is no URL") from None
    if location.scheme == "https" and url.scheme != "https":
        raise Unavailable(f"{location.host} redirects from https to http")
    return url


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        raise Unavailable("the site names a URL that is not valid") from None
    if len(url) > _MAX_URL or parsed.scheme not in _PORTS or not parsed.host:
        raise Unavailable("the site names a URL that cannot be used")
    return parsed


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, from either form that the header may have."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(LONG, max(0.0, (at - datetime.now(UTC)).total_seconds()))
