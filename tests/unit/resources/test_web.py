"""What is asked of the web, and what answers are worth."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from palio.errors import PalioError
from palio.resources.failures import LONG, SHORT, Passing, Persistence, Unavailable
from palio.resources.web import Patience, Web

SITE = "https://site.example"
ONCE = Patience(persistence=Persistence(tries=1))


def web(answer: Callable[[httpx.Request], httpx.Response], tokens: Mapping[str, str] | None = None) -> Web:
    return Web(httpx.MockTransport(answer), tokens or {}, ONCE)


def redirects(target: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(302, headers={"Location": target})


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://site.example/", "redirects from https to http"),
        ("ftp://site.example/", "cannot be used"),
        ("https://x:port/", "redirects to what is no URL"),
        (f"https://site.example/{'x' * 9000}", "cannot be used"),
    ],
)
async def test_where_redirects_may_not_lead(target: str, reason: str):
    with pytest.raises(Unavailable, match=reason):
        await web(redirects(target)).document(SITE, dict)


@pytest.mark.parametrize(
    ("url", "has_token"),
    [
        ("https://site.example/a", True),
        ("https://site.example:443/a", True),
        ("https://SITE.example/a", True),
        ("https://site.example:8443/a", False),
        ("http://site.example/a", False),
        ("https://cdn.site.example/a", False),
        ("https://site.example.evil.example/a", False),
    ],
)
async def test_a_token_goes_to_its_origin_alone(url: str, has_token: bool):
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    await web(answer, {SITE: "secret"}).document(url, dict)

    assert ("authorization" in asked[0].headers) is has_token


async def test_a_transport_that_does_not_go_there_is_final():
    class Closed(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise PalioError("not there")

    with pytest.raises(Unavailable, match="not there"):
        await Web(Closed(), {}, Patience()).document(SITE, dict)


async def test_a_compressed_body_is_refused():
    # Its length on the wire says nothing of how long it becomes.
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"x"))

    with pytest.raises(Unavailable, match="compressed"):
        await web(answer).document(SITE, dict)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("999999999999", 3600.0),
        (format_datetime(datetime.now(UTC) + timedelta(days=1)), LONG),
        ("soon", SHORT),
        (f"Mon, 01 Jan 2029 00:00:00 +{'9' * 20}", SHORT),
        ("-5", SHORT),
        ("", SHORT),
    ],
)
async def test_a_site_is_believed_when_to_come_again_within_bounds(value: str, seconds: float):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": value})

    with pytest.raises(Unavailable) as failure:
        await web(answer).document(SITE, dict)

    assert failure.value.seconds == seconds


async def test_a_try_that_brought_much_starts_the_count_anew():
    persistence = Persistence(tries=2, first_pause=0.0, enough=100)
    gains = [100, 100, 100, 0, 100, 0, 0]
    tried: list[int] = []

    async def attempt() -> None:
        tried.append(gains[len(tried)])
        raise Passing("broke off", gained=tried[-1])

    with pytest.raises(Unavailable, match="broke off"):
        await persistence.of(attempt)

    assert tried == [100, 100, 100, 0]
