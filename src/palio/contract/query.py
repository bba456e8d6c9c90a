"""What callers write in query strings, read from text with the contract's defaults and limits."""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from palio.contract.status import Status
from palio.errors import BadRequest

LONGEST_WAIT = 100
"""Seconds a reply may be held; callers who ask for more wait this long."""

DEFAULT_TAKE = 100
MOST_TAKEN = 1000

_WHOLE_NUMBER = re.compile(r"[0-9]{1,100}")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INSTANT = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)(?P<offset>Z|[+\- ][0-9]{2}:[0-9]{2})?)?",
    re.IGNORECASE,
)
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,500}")
_POSITION = re.compile(r"(-?[0-9]{1,18}) ([!-~]{1,200})")


def read_wait(text: str | None) -> int:
    """How many seconds the reply may be held, 0 to 100; more is cut to 100, as the contract asks."""
    if not text:
        return 0
    if not _WHOLE_NUMBER.fullmatch(text):
        raise BadRequest.at("wait", "must be a whole number of seconds, 0 or more")
    return min(int(text), LONGEST_WAIT)


def read_flag(name: str, text: str | None, default: bool) -> bool:
    """A boolean written `true`, `false`, `1` or `0`."""
    if not text:
        return default
    flag = _BOOLEANS.get(text.lower())
    if flag is None:
        raise BadRequest.at(name, "must be true or false")
    return flag


def read_take(text: str | None) -> int:
    """How many workflows a page may have, 1 to 1000, by default 100."""
    if not text:
        return DEFAULT_TAKE
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST_TAKEN:
        raise BadRequest.at("take", f"must be a whole number from 1 to {MOST_TAKEN}")
    return int(text)


def read_instant(name: str, text: str) -> datetime:
    """An RFC 3339 instant, or a date for its midnight; in UTC, also when no offset is given."""
    match = _INSTANT.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        date, time, offset = match["date"], match["time"] or "00:00:00", (match["offset"] or "Z").upper()
        # A plus sign that was not percent-encoded arrives as a space.
        return datetime.fromisoformat(f"{date}T{time}{offset.replace(' ', '+')}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest.at(name, "must be an RFC 3339 date and time, such as 2026-01-31T10:00:00Z") from None


def read_status(text: str | None) -> Status | None:
    """The status that workflows are filtered by, if any."""
    if not text:
        return None
    try:
        return Status(text.lower())
    except ValueError:
        raise BadRequest.at("status", f"must be one of {', '.join(Status)}") from None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends: the last workflow's creation, in microseconds since 1970, and its id."""

    created_at: int
    id: str

    def encode(self) -> str:
        """The cursor as opaque text that needs no escaping in a URL."""
        return base64.urlsafe_b64encode(f"{self.created_at} {self.id}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The cursor in a text that `encode` made; BadRequest at `cursor` for any other."""
        try:
            if not _CURSOR.fullmatch(text):
                raise ValueError(text)
            position = _POSITION.fullmatch(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
        except ValueError:
            position = None
        if position is None:
            raise BadRequest.at("cursor", "is not a cursor from the `next` of a page")
        return cls(int(position[1]), position[2])
