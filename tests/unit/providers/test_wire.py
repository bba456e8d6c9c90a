"""What an answer's headers, or the way in which a request failed, tell a provider's adapter."""

import inspect
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random

import httpx
import pytest

from palio.errors import SetupError
from palio.providers.base import Ambiguous, NotAccepted
from palio.providers.wire import MAX_RETRY_AFTER, MEANING, Answer, Wire, api_key, meaning_of, pauses, retry_after

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)

ABOUT_OUR_OWN_CODE = {httpx.HTTPStatusError, httpx.CookieConflict, httpx.StreamError}
"""Raised for what a caller of httpx does wrong, never for what a server or the network does."""


def raised_by_httpx() -> list[type[Exception]]:
    public = [value for name, value in vars(httpx).items() if not name.startswith("_")]
    return [value for value in public if inspect.isclass(value) and issubclass(value, Exception)]


def test_every_exception_of_httpx_has_a_meaning_of_its_own():
    leaves = [kind for kind in raised_by_httpx() if not kind.__subclasses__()]
    unmapped = [kind for kind in leaves if kind not in MEANING and not ABOUT_OUR_OWN_CODE & set(kind.__mro__)]
    assert len(leaves) > 15
    assert unmapped == []


def test_only_what_fails_before_anything_is_sent_says_that_the_job_was_not_taken():
    assert {kind.__name__ for kind, meaning in MEANING.items() if meaning is NotAccepted} == {
        "ConnectError",
        "ConnectTimeout",
        "InvalidURL",
        "PoolTimeout",
        "ProxyError",
        "UnsupportedProtocol",
    }
    assert set(MEANING.values()) == {NotAccepted, Ambiguous}


def test_a_failure_that_nobody_thought_of_is_ambiguous():
    class New(httpx.NetworkError):
        """As a later version of httpx may have."""

    assert meaning_of(New("?")) is Ambiguous
    assert meaning_of(TimeoutError()) is Ambiguous
    assert meaning_of(ValueError()) is Ambiguous


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        ("Mon, 04 May 2026 12:01:00 GMT", 60.0),
        ("Mon, 04 May 2026 12:01:00 -0000", 60.0),
        ("Mon, 04 May 2026 11:00:00 GMT", 0.0),
        ("999999", MAX_RETRY_AFTER),
        ("Mon, 04 May 2099 12:01:00 GMT", MAX_RETRY_AFTER),
        ("-7", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 99 May 2026 12:01:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None):
    assert retry_after(httpx.Headers({"Retry-After": value.encode()}), NOW) == seconds


def test_without_retry_after_nothing_is_said():
    assert retry_after({}, NOW) is None
    assert retry_after({"rEtRy-AfTeR": "3"}, NOW) == 3.0


def test_the_clock_is_asked_where_no_time_is_given():
    at = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < (retry_after({"Retry-After": at.strftime("%a, %d %b %Y %H:%M:%S GMT")}) or 0) <= 100


def test_pauses_grow_to_a_bound_and_differ():
    some = list(islice(pauses(Random(1), first=1.0, longest=8.0), 50))
    assert 0.5 <= some[0] <= 1.0
    assert max(some) <= 8.0
    assert min(some[3:]) >= 4.0
    assert len(set(some)) == 50


class TestKey:
    def test_none_is_wanted_where_none_is_named(self):
        assert api_key("providers.mine", None) is None

    def test_it_is_read_from_the_environment(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MINE_KEY", " sk-123\n")
        assert api_key("providers.mine", "MINE_KEY") == "sk-123"

    def test_one_that_is_named_and_not_there_keeps_the_server_from_starting(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("MINE_KEY", raising=False)
        with pytest.raises(SetupError, match=r"\[providers.mine\].*MINE_KEY.*not set"):
            api_key("providers.mine", "MINE_KEY")

    def test_one_that_no_header_can_hold_is_refused_and_not_shown(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("MINE_KEY", "sk-1\n23")
        with pytest.raises(SetupError, match="characters that a key cannot have") as raised:
            api_key("providers.mine", "MINE_KEY")
        assert "sk-1" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"detail": "no  such\\nmodel"}', "acme answered 422: no such model"),
        (b'{"error": {"message": "too dark", "code": 7}}', "acme answered 422: too dark"),
        (b'{"title": "Unprocessable"}', "acme answered 422: Unprocessable"),
        (b'{"detail": "the key sk-secret is old"}', "acme answered 422: the key *** is old"),
        (b'{"detail": 7}', "acme answered 422"),
        (b"[" * 5000, "acme answered 422"),
        (b"<html>", "acme answered 422"),
        (b"\xff", "acme answered 422"),
        (b"", "acme answered 422"),
    ],
)
async def test_what_an_answer_says_is_told_in_a_sentence_without_the_key(body: bytes, sentence: str):
    wire = Wire("acme", "http://127.0.0.1:9", connections=1, key="sk-secret")
    assert wire.told(Answer(422, httpx.Headers(), body)) == sentence
    await wire.close()


async def test_an_answer_is_told_without_the_key_as_the_header_held_it():
    wire = Wire("acme", "http://127.0.0.1:9", connections=1, key="me:secret", credential="Basic bWU6c2VjcmV0")
    body = b'{"detail": "Authorization: Basic bWU6c2VjcmV0 is not that of me:secret"}'
    assert (
        wire.told(Answer(401, httpx.Headers(), body))
        == "acme answered 401: Authorization: Basic *** is not that of ***"
    )
    await wire.close()


async def test_what_an_answer_says_is_short():
    wire = Wire("acme", "http://127.0.0.1:9", connections=1)
    assert len(wire.told(Answer(500, httpx.Headers(), b'{"detail": "' + b"x" * 10_000 + b'"}'))) < 400
    await wire.close()
