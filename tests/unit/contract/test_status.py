"""The life cycle, and how the status of a whole follows from its parts."""

from itertools import combinations_with_replacement

import pytest

from palio.contract.status import FAILED, FINAL, Status, roll_up

S = Status


def test_four_statuses_are_final() -> None:
    assert {status for status in Status if status.is_final} == {S.succeeded, S.failed, S.expired, S.canceled}
    assert FINAL - {S.succeeded} == FAILED


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], S.succeeded),
        ([S.succeeded, S.succeeded], S.succeeded),
        ([S.succeeded, S.canceled], S.canceled),
        ([S.canceled, S.expired], S.expired),
        ([S.canceled, S.failed, S.expired], S.failed),
        ([S.unassigned, S.unassigned], S.unassigned),
        ([S.unassigned, S.preparing], S.preparing),
        ([S.preparing, S.scheduled], S.scheduled),
        ([S.scheduled, S.processing], S.processing),
        ([S.succeeded, S.unassigned], S.processing),
        ([S.failed, S.unassigned], S.processing),
    ],
)
def test_parts_make_the_whole(parts: list[Status], whole: Status) -> None:
    assert roll_up(parts) is whole


def test_a_whole_is_final_exactly_when_all_its_parts_are_and_their_order_does_not_matter() -> None:
    for parts in combinations_with_replacement(Status, 3):
        assert roll_up(parts).is_final is all(part.is_final for part in parts)
        assert roll_up(parts) is roll_up(reversed(parts))
