"""Durations are read as .NET TimeSpan text or ISO 8601, and written as TimeSpan text."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.contract.json import Json
from palio.contract.timespan import LONGEST, read_timespan, show_timespan
from palio.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:10:00", timedelta(minutes=10)),
        ("00:10", timedelta(minutes=10)),
        ("1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("00:00:01.5", timedelta(seconds=1.5)),
        ("00:00:00.0000010", timedelta(microseconds=1)),
        ("7.00:00:00", timedelta(days=7)),
        ("PT10M", timedelta(minutes=10)),
        ("PT1H30M", timedelta(hours=1, minutes=30)),
        ("PT90S", timedelta(seconds=90)),
        ("P1DT1.5S", timedelta(days=1, seconds=1.5)),
        ("P1W", timedelta(days=7)),
    ],
)
def test_both_spellings_are_read(text: str, span: timedelta) -> None:
    assert read_timespan(text, "timeout") == span


@pytest.mark.parametrize(
    "value",
    [
        "",
        "10",
        "abc",
        "24:00:00",
        "00:60:00",
        "00:00:60",
        "-00:10:00",
        "00:10:00 ",
        "00:10:00\n",
        "P",
        "PT",
        "P1Y",
        "PT10m",
        "٠٠:10:00",
        "1" * 5000,
        600,
        None,
        True,
        {},
    ],
)
def test_anything_else_is_refused_where_it_stands(value: Json) -> None:
    with pytest.raises(BadRequest) as raised:
        read_timespan(value, "steps[0].timeout")

    assert list(raised.value.errors) == ["steps[0].timeout"]


@pytest.mark.parametrize("text", ["00:00:00", "PT0S", "00:00:00.0000001", "7.00:00:01", "99999.00:00:00"])
def test_a_duration_is_above_zero_and_at_most_a_week(text: str) -> None:
    with pytest.raises(BadRequest, match=r"at most 7.00:00:00"):
        read_timespan(text, "timeout")


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(minutes=21), "00:21:00"),
        (timedelta(days=7), "7.00:00:00"),
        (timedelta(seconds=1.5), "00:00:01.5000000"),
    ],
)
def test_timespan_text_has_days_and_fraction_only_when_there_are_any(span: timedelta, text: str) -> None:
    assert show_timespan(span) == text


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=LONGEST))
def test_what_is_written_reads_back_the_same(span: timedelta) -> None:
    assert read_timespan(show_timespan(span), "timeout") == span
