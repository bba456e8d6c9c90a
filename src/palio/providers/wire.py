"""HTTP towards a provider: bounded in time and size, and every failure of it turned into what it means for a run.

Whoever asks a provider to take a job has to know afterwards whether it may have done so. One table says it for every
way in which a request can fail (`MEANING`): as long as nothing was sent, the provider has not taken the job
(NotAccepted); once something was, nobody knows (Ambiguous). What the statuses of an answer mean is for each adapter
to say.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final, TypeVar

import httpx
import msgspec

from palio import __version__
from palio.errors import SetupError
from palio.providers.base import Ambiguous, NotAccepted, ProviderError

T = TypeVar("T")

JSON = "application/json"
MAX_ANSWER_BYTES = 1024 * 1024
"""Of an answer that is not a picture."""
MAX_RETRY_AFTER = 3600.0
"""Seconds. A provider that asks for more is asked again all the same."""

MEANING: Final[Mapping[type[Exception], type[ProviderError]]] = {
    # Nothing was sent.
    httpx.ConnectError: NotAccepted,
    httpx.ConnectTimeout: NotAccepted,
    httpx.PoolTimeout: NotAccepted,
    httpx.ProxyError: NotAccepted,
    httpx.UnsupportedProtocol: NotAccepted,
    httpx.InvalidURL: NotAccepted,
    # All of it may have arrived.
    httpx.ReadError: Ambiguous,
    httpx.ReadTimeout: Ambiguous,
    httpx.WriteError: Ambiguous,
    httpx.WriteTimeout: Ambiguous,
    httpx.CloseError: Ambiguous,
    httpx.LocalProtocolError: Ambiguous,
    httpx.RemoteProtocolError: Ambiguous,
    httpx.DecodingError: Ambiguous,
    httpx.TooManyRedirects: Ambiguous,
    httpx.HTTPError: Ambiguous,
    OSError: Ambiguous,
}
"""What a request that failed means for the run that it was to begin; the nearest class counts."""


class TooLarge(Ambiguous):
    """An answer came, and is larger than what is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, whatever its status."""

    status: int
    headers: httpx.Headers
    body: bytes


class Wire:
    """One account at one provider. `key` goes to the origin of `base_url` only, as `key_header: Bearer key`, or as
    `credential` where the header holds it otherwise.

    `connections` is how many requests may be under way at the same time.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        *,
        connections: int,
        key: str | None = None,
        key_header: str = "Authorization",
        credential: str | None = None,
        connect_seconds: float = 5.0,
    ) -> None:
        self._provider = provider
        self._base_url = httpx.URL(base_url.rstrip("/") + "/")
        # The key, and what it is in the header: Base64 of it is as good as the key.
        self._secrets = {key, (credential or key).rpartition(" ")[2]} if key else set[str]()
        self._key_headers = {key_header: credential or f"Bearer {key}"} if key else {}
        self._connect_seconds = connect_seconds
        self._client = httpx.AsyncClient(
            headers={"User-Agent": f"Palio/{__version__}", "Accept-Encoding": "identity"},
            # Idle connections are let go before a server would: a request on one that it is closing is ambiguous.
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=2.0),
            follow_redirects=False,
            # No proxy of the environment: what is downloaded from public hosts goes past it, and who cannot fetch a
            # picture had better not have it made. Certificates that the environment names are trusted all the same.
            trust_env=False,
            verify=httpx.create_ssl_context(),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def exchange(
        self,
        method: str,
        address: str,
        *,
        content: bytes | None = None,
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        seconds: float = 30.0,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send a request and read all of its answer within `seconds`, or a little more if connecting takes long.

        `address` is relative to the base, or a URL.
        Any status is an answer, a redirect too. Raises NotAccepted if nothing was sent, Ambiguous if something was and
        no complete answer came (TooLarge: more than `max_bytes`).
        """
        connect = min(self._connect_seconds, seconds)
        try:
            url = self._base_url.join(address)
            own = self._key_headers if self.is_own(address) else {}
            typed = {"Content-Type": media_type} if content is not None else {}
            request = self._client.build_request(
                method,
                url,
                content=content,
                params=params,
                headers={**typed, **(headers or {}), **own},
                timeout=httpx.Timeout(seconds, connect=connect, pool=connect),
            )
            # Of its own, because a body that comes in drops never exceeds the time-out of a single read. It must not
            # end the wait for a place in the pool, TCP or TLS before their own do: those say that nothing was sent.
            async with asyncio.timeout(seconds + 3 * connect):
                response = await self._client.send(request, stream=True)
                try:
                    return Answer(response.status_code, response.headers, await self._body(response, max_bytes))
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise meaning_of(error)(f"{self._provider} {_what_happened(error, seconds)}") from error

    def absolute(self, address: str) -> httpx.URL | None:
        """The URL of an address that is relative to the base, or a URL; None if it is neither."""
        try:
            return self._base_url.join(address)
        except (httpx.InvalidURL, ValueError):
            return None

    def is_own(self, address: str) -> bool:
        """Whether an address leads to where the operator said that the provider is."""
        url = self.absolute(address)
        return url is not None and _origin(url) == _origin(self._base_url)

    def decode(self, answer: Answer, type_: type[T]) -> T:
        """The JSON of an answer. Raises Ambiguous if it is not what was expected."""
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Ambiguous(
                f"{self._provider} answered {answer.status} with something unexpected: {self.clean(str(error))}"
            ) from None

    def told(self, answer: Answer) -> str:
        """What an answer says, as a sentence for people; the key is never in it."""
        detail = self.clean(_detail(answer.body))
        return f"{self._provider} answered {answer.status}" + (f": {detail}" if detail else "")

    def clean(self, text: str) -> str:
        """A text from the provider as one line of at most 300 characters, without the key."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:300]

    async def _body(self, response: httpx.Response, max_bytes: int) -> bytes:
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            # It could grow without bound.
            raise Ambiguous(f"{self._provider} sent a compressed body although asked not to")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > max_bytes:
                raise TooLarge(f"{self._provider} answered with more than {max_bytes} bytes")
        return bytes(body)


def meaning_of(error: Exception) -> type[ProviderError]:
    """What a request that failed with `error` means for the run that it was to begin."""
    return next((MEANING[kind] for kind in type(error).__mro__ if kind in MEANING), Ambiguous)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait as `Retry-After` says, as seconds or as a date; None if it does not. At most an hour."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    # "-0000" makes it naive; it is UTC.
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max((date - (now or datetime.now(UTC))).total_seconds(), 0.0), MAX_RETRY_AFTER)


def pauses(random: Random, first: float = 0.25, longest: float = 10.0) -> Iterator[float]:
    """Ever longer pauses between tries, in seconds. A part is left to chance, so that many runs do not ask at once."""
    pause = first
    while True:
        yield pause * (0.5 + random.random() / 2)
        pause = min(2 * pause, longest)


def api_key(table: str, variable: str | None) -> str | None:
    """The key in an environment variable; None if none is named. Raises SetupError naming the provider's table."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise SetupError(f"[{table}]: the environment variable {variable}, which is to hold the key, is not set")
    if not re.fullmatch(r"[!-~]+", key):
        raise SetupError(f"[{table}]: the key in {variable} has characters that a key cannot have")
    return key


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return (url.scheme, url.host, url.port)


def _what_happened(error: Exception, seconds: float) -> str:
    match error:
        case httpx.ConnectTimeout():
            return "could not be reached in time"
        case httpx.PoolTimeout():
            return "has as many requests under way as are allowed"
        case httpx.TimeoutException() | TimeoutError():
            return f"did not answer within {seconds:g} s"
        case httpx.ConnectError():
            return f"could not be reached: {error}"
        case _:
            return f"did not answer as it should: {error or type(error).__name__}"


def _detail(body: bytes) -> str:
    """The sentence in a problem document or in one of the common shapes of an error."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    for name in ("detail", "message", "error", "title"):
        value = document.get(name) if isinstance(document, dict) else None
        if isinstance(value, dict):
            value = value.get("message") or value.get("detail")
        if isinstance(value, str) and value:
            return value
    return ""
