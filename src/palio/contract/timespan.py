"""Durations as the contract writes them: .NET TimeSpan text, `[d.]hh:mm:ss[.fffffff]`."""

import re
from datetime import timedelta

from palio.contract.json import Json
from palio.errors import BadRequest

LONGEST = timedelta(days=7)

_TIMESPAN = re.compile(
    r"(?:(?P<days>[0-9]{1,5})\.)?(?P<hours>[0-9]{1,2}):(?P<minutes>[0-9]{1,2})"
    r"(?::(?P<seconds>[0-9]{1,2}(?:\.[0-9]{1,7})?))?"
)
_ISO_8601 = re.compile(
    r"P(?=.)(?:(?P<weeks>[0-9]{1,5})W)?(?:(?P<days>[0-9]{1,5})D)?"
    r"(?:T(?=.)(?:(?P<hours>[0-9]{1,5})H)?(?:(?P<minutes>[0-9]{1,6})M)?"
    r"(?:(?P<seconds>[0-9]{1,8}(?:\.[0-9]{1,7})?)S)?)?"
)


def read_timespan(value: Json, at: str) -> timedelta:
    """The duration written in `value`, as a TimeSpan (`00:10:00`) or as ISO 8601 (`PT10M`).

    Raises BadRequest at `at` for anything else, and unless the duration is above zero and at most 7 days.
    """
    if not isinstance(value, str):
        raise BadRequest.at(at, "must be a duration as text, such as 00:10:00")
    span = _span_of(value)
    if span is None:
        raise BadRequest.at(at, "must be a duration [d.]hh:mm:ss, such as 00:10:00 for ten minutes")
    if not timedelta(0) < span <= LONGEST:
        raise BadRequest.at(at, f"must be above zero and at most {show_timespan(LONGEST)} ({LONGEST.days} days)")
    return span


def show_timespan(span: timedelta) -> str:
    """A duration of zero or more as TimeSpan text: days and a fraction only where there are any."""
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    days = f"{span.days}." if span.days else ""
    # TimeSpan counts in tenths of a microsecond, hence the seventh digit.
    fraction = f".{span.microseconds:06}0" if span.microseconds else ""
    return f"{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def _span_of(text: str) -> timedelta | None:
    """The duration, or None if `text` is not one: in a TimeSpan, no part may run over into the next."""
    timespan = _TIMESPAN.fullmatch(text)
    match = timespan or _ISO_8601.fullmatch(text)
    if match is None:
        return None
    parts = {unit: float(number) for unit, number in match.groupdict(default="0").items()}
    if timespan and not (parts["hours"] < 24 and parts["minutes"] < 60 and parts["seconds"] < 60):
        return None
    return timedelta(**parts)
