"""A short campaign in every run of the tests; `script/chaos` makes the long one."""

import secrets
from pathlib import Path

from tests.chaos.__main__ import report
from tests.chaos.campaign import Plan, campaign
from tests.chaos.ledger import Snapshot, sqlite


async def test_through_many_kills_nothing_is_lost_and_nothing_paid_twice(tmp_path: Path) -> None:
    plan = Plan(kills=12, workflows=30, seed=secrets.randbelow(10**6), life=(0.05, 1.0))

    with sqlite(tmp_path / "data") as database:
        outcome = await campaign(plan, tmp_path / "data", database, print)

    assert not outcome.faults, report(plan, outcome)
    assert outcome.kills == plan.kills
    # The kills fell where they can do harm.
    assert {"start sent", "running"} <= set(outcome.moments.jobs)


def test_a_database_that_a_kill_came_before_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "palio.db").touch()

    with sqlite(tmp_path) as database:
        assert database.read(unfinished=True) == Snapshot({}, {})
