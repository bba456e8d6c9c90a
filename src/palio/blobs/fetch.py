"""Fetching what users point at: bounded in address, redirects, time and size.

The transport decides where a request may go (`guard`); here it is followed, timed and measured. Requests carry
no credentials and no cookies, and ask for the body as it is: a compressed one could grow without bound.
"""

import asyncio
from dataclasses import dataclass

import httpx

from palio import __version__
from palio.blobs.guard import AddressRefused, GuardedTransport, Resolve
from palio.errors import Futile, PalioError

_MAX_URL = 8192
_HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp, image/gif;q=0.8, */*;q=0.1",
    "Accept-Encoding": "identity",
    "User-Agent": f"Palio/{__version__}",
}


class FetchFailed(PalioError):
    """A URL did not lead to a file that can be used; the message is for whoever gave the URL."""


class FetchRefused(FetchFailed, Futile):
    """What a URL leads to is never fetched: it is not public, too large, or the URL is none."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """How far a fetch goes. `trusted_hosts` are `host:port` pairs that may be anywhere, even on loopback."""

    trusted_hosts: frozenset[str] = frozenset()
    max_redirects: int = 3
    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 30.0
    max_concurrent: int = 16
    """Each holds a body in memory."""


class Fetcher:
    """Fetches files for users. `resolve` finds the addresses of a host; unless given, the system is asked."""

    def __init__(self, policy: FetchPolicy, resolve: Resolve | None = None) -> None:
        self._policy = policy
        self._transport = GuardedTransport(policy.trusted_hosts, resolve)
        self._slots = asyncio.Semaphore(policy.max_concurrent)
        self._timeout = httpx.Timeout(policy.read_seconds, connect=policy.connect_seconds).as_dict()

    async def fetch(self, url: str, max_bytes: int) -> bytes:
        """The body at an http or https URL. Raises FetchFailed, and FetchRefused where no later try will do better."""
        location = _parsed(url)
        async with self._slots:
            try:
                async with asyncio.timeout(self._policy.total_seconds):
                    return await self._follow(location, max_bytes)
            except TimeoutError:
                raise FetchFailed(f"{location.host} took longer than {self._policy.total_seconds:g} s") from None

    async def close(self) -> None:
        """Close what is open."""
        await self._transport.aclose()

    async def _follow(self, url: httpx.URL, max_bytes: int) -> bytes:
        for _ in range(self._policy.max_redirects + 1):
            answer = await self._get(url, max_bytes)
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise FetchFailed(f"{url.host} was reached after more than {self._policy.max_redirects} redirects")

    async def _get(self, url: httpx.URL, max_bytes: int) -> bytes | httpx.URL:
        """The body, or where the server redirects to."""
        request = httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": self._timeout})
        try:
            response = await self._transport.handle_async_request(request)
            try:
                if response.has_redirect_location:
                    return _parsed(str(url.join(response.headers["Location"])))
                return await _body(response, url.host, max_bytes)
            finally:
                await response.aclose()
        except AddressRefused as error:
            raise FetchRefused(str(error)) from None
        except httpx.TimeoutException:
            raise FetchFailed(f"{url.host} did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchFailed(f"{url.host} could not be read: {error or type(error).__name__}") from None


async def _body(response: httpx.Response, host: str, max_bytes: int) -> bytes:
    if response.status_code != 200:
        raise FetchFailed(f"{host} answered {response.status_code}")
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FetchFailed(f"{host} sent a compressed body although asked not to")
    too_large = FetchRefused(f"the file at {host} is larger than {max_bytes} bytes")
    # The header only saves reading what is announced as too large; what counts is what comes.
    announced = response.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _parsed(url: str) -> httpx.URL:
    if len(url) > _MAX_URL:
        raise FetchRefused(f"a URL has at most {_MAX_URL} characters")
    try:
        parsed = httpx.URL(url)
        parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        raise FetchRefused("the URL is not valid") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise FetchRefused("only http and https URLs can be used")
    return parsed
