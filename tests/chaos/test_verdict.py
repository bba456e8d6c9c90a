"""The verdict sees everything that a campaign is made to find."""

import dataclasses
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from tests.chaos.crowd import Crowd, Order
from tests.chaos.ledger import Attempt, Snapshot
from tests.chaos.moments import Moments
from tests.chaos.vendors import Receipt
from tests.chaos.verdict import faults

ATTEMPT = Attempt("a1", "j1", "swift", 1, "succeeded", None, is_closed=True)
RECEIPT = Receipt("a1", "swift", "succeeded", "succeeded", "order 0")


def workflow(status: str = "succeeded", *attempts: Attempt) -> dict[str, Any]:
    """A document with one job, which shows some attempts."""
    shown = [{"provider": attempt.provider, "status": attempt.status} for attempt in attempts or [ATTEMPT]]
    job = {"id": "j1", "status": status, "attempts": shown}
    return {"status": status, "steps": [{"jobs": [job]}]}


def crowd(**members: Any) -> Crowd:
    """One client with one order."""
    given = {"number": 0, "quantity": 1, "refused": False, "cancels": False, "ids": {"w1"}, "end": workflow()}
    return Crowd(1, Random(0), orders=[Order(**{**given, **members})])


def snapshot(document: Mapping[str, Any] | None = None, *attempts: Attempt) -> Snapshot:
    """A database with one workflow."""
    return Snapshot({"w1": document or workflow()}, {"j1": attempts or (ATTEMPT,)})


def attempt(**changes: Any) -> Attempt:
    return dataclasses.replace(ATTEMPT, **changes)


def receipt(**changes: Any) -> Receipt:
    return dataclasses.replace(RECEIPT, **changes)


FAILED = attempt(id="a0", status="failed", error="failed")
CANCELED = workflow("canceled", attempt(status="canceled"))


def test_what_is_right_is_right() -> None:
    assert faults(crowd(), snapshot(), [RECEIPT]) == {}


def test_a_run_that_a_vendor_let_fail_is_rightly_begun_again() -> None:
    document = workflow("succeeded", FAILED, ATTEMPT)
    found = faults(
        crowd(end=document), snapshot(document, FAILED, ATTEMPT), [receipt(id="a0", outcome="failed"), RECEIPT]
    )
    assert found == {}


def test_an_order_that_was_taken_back_may_end_either_way() -> None:
    assert faults(crowd(cancels=True), snapshot(), [RECEIPT]) == {}
    canceled = snapshot(CANCELED, attempt(status="canceled"))
    assert faults(crowd(cancels=True, end=CANCELED), canceled, [receipt(status="canceled")]) == {}


TWICE = workflow("succeeded", FAILED, ATTEMPT)


@pytest.mark.parametrize(
    ("people", "database", "receipts", "fault"),
    [
        (crowd(end=None), snapshot(), [RECEIPT], "never ended"),
        (crowd(ids=set()), snapshot(), [RECEIPT], "accepted as 0 workflows"),
        (crowd(ids={"w1", "w2"}), snapshot(), [RECEIPT], "accepted as 2 workflows"),
        (crowd(end=workflow("failed")), snapshot(), [RECEIPT], "ended as failed, not succeeded"),
        (crowd(refused=True), snapshot(), [RECEIPT], "ended as succeeded, not failed"),
        (crowd(end=CANCELED), snapshot(CANCELED, attempt(status="canceled")), [RECEIPT], "ended as canceled"),
        (crowd(), Snapshot({}, {"j1": [ATTEMPT]}), [RECEIPT], "is not in the database"),
        (crowd(), snapshot(workflow("processing")), [RECEIPT], "told as succeeded and is kept as processing"),
        (crowd(ids={"w2"}), snapshot(), [RECEIPT], "ordered by nobody"),
        (crowd(), snapshot(None, attempt(status="claimed", is_closed=False)), [RECEIPT], "open attempts"),
        (crowd(), snapshot(None, attempt(is_closed=False)), [RECEIPT], "open attempts"),
        (crowd(), snapshot(None, FAILED), [receipt(id="a0")], "with 0 succeeded attempts"),
        (crowd(), snapshot(None, FAILED, ATTEMPT), [RECEIPT], "the ledger has"),
        (crowd(), snapshot(TWICE, FAILED, ATTEMPT), [receipt(id="a0"), RECEIPT], "begun 2 times without need"),
        (crowd(), snapshot(), [RECEIPT, receipt(id="a9")], "no attempt on record asked for"),
        (crowd(), snapshot(), [], "no vendor made it"),
    ],
)
def test_what_is_wrong_is_seen(people: Crowd, database: Snapshot, receipts: list[Receipt], fault: str) -> None:
    assert any(fault in said for found in faults(people, database, receipts).values() for said in found)


@pytest.mark.parametrize(
    ("attempts", "status", "moment"),
    [
        ([], None, "queued"),
        ([attempt(status="claimed")], None, "claimed"),
        ([attempt(status="claimed")], "running", "start sent"),
        ([attempt(status="accepted")], "queued", "running"),
        ([attempt(status="accepted")], "succeeded", "result there"),
        ([FAILED], None, "between attempts"),
    ],
)
def test_the_moment_of_a_kill_is_told_by_the_ledger_and_the_vendor(
    attempts: list[Attempt], status: str | None, moment: str
) -> None:
    moments = Moments()
    database = Snapshot({"w1": workflow("processing")}, {"j1": attempts} if attempts else {})
    moments.add(database, [receipt(status=status)] if status else [])
    assert moments.jobs == {moment: 1}
    assert moments.kills == {moment: 1}
