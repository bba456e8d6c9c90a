"""Query strings: what the contract's clients send is read, everything else is refused by name."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palio.contract.query import (
    Cursor,
    read_flag,
    read_instant,
    read_status,
    read_take,
    read_wait,
)
from palio.contract.status import Status
from palio.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, 0), ("", 0), ("0", 0), ("5", 5), ("100", 100), ("120", 100), ("9" * 50, 100)]
)
def test_longer_waits_are_cut_not_refused(text: str | None, seconds: int) -> None:
    assert read_wait(text) == seconds


@pytest.mark.parametrize("text", ["-1", "1.5", "true", "ten", " 5", "+5", "٥", "5\n", "1" * 5000])
def test_a_wait_is_whole_seconds(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_wait(text)

    assert list(raised.value.errors) == ["wait"]


@pytest.mark.parametrize(
    ("text", "flag"), [("true", True), ("True", True), ("1", True), ("FALSE", False), ("0", False)]
)
def test_flags_are_read_in_any_case(text: str, flag: bool) -> None:
    assert read_flag("whatif", text, not flag) is flag


def test_an_absent_flag_has_its_default() -> None:
    assert read_flag("hideMatureContent", None, True) is True
    assert read_flag("hideMatureContent", "", False) is False


def test_any_other_flag_is_refused_by_its_name() -> None:
    with pytest.raises(BadRequest) as raised:
        read_flag("whatif", "yes", False)

    assert list(raised.value.errors) == ["whatif"]


def test_a_page_has_100_workflows_unless_told() -> None:
    assert (read_take(None), read_take("1"), read_take("1000")) == (100, 1, 1000)


@pytest.mark.parametrize("text", ["0", "-1", "1001", "1000000000", "x", "1.0"])
def test_a_page_has_1_to_1000_workflows(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_take(text)

    assert list(raised.value.errors) == ["take"]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T10:00:00.000Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31t10:00:00z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T10:00:00.1234567Z", datetime(2026, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-01-31T10:00:00+02:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T10:00:00 02:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T10:00:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_instants_are_utc(text: str, instant: datetime) -> None:
    read = read_instant("fromDate", text)

    assert read == instant
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026-13-01",
        "2026-02-30",
        "2026-01-31T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1769853600",
        "2026-W05-6",
        "2026-01-31T10:00:00Z\n",
        "2026-01-31T10:00:00+99:00",
    ],
)
def test_what_is_no_instant_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_instant("toDate", text)

    assert list(raised.value.errors) == ["toDate"]


def test_a_status_is_read_in_any_case() -> None:
    assert read_status(None) is None
    assert read_status("") is None
    assert read_status("Succeeded") is Status.succeeded
    with pytest.raises(BadRequest) as raised:
        read_status("pending")
    assert list(raised.value.errors) == ["status"]


@given(st.integers(-(10**17), 10**17), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_cursor_survives_the_url(created_at: int, workflow_id: str) -> None:
    cursor = Cursor(created_at, workflow_id)

    assert Cursor.decode(cursor.encode()) == cursor


@given(st.text(max_size=40))
def test_only_cursors_are_cursors(text: str) -> None:
    with suppress(BadRequest):
        cursor = Cursor.decode(text)
        assert cursor == Cursor.decode(cursor.encode())


@pytest.mark.parametrize(
    "text", ["", "a", "MQ", "!!!", "a" * 10_000, "MSAA", "é", "MTIzIGE=", Cursor(1, "x").encode() + "A"]
)
def test_garbage_is_no_cursor(text: str) -> None:
    with pytest.raises(BadRequest, match="is not a cursor"):
        Cursor.decode(text)
