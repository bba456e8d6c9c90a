"""A second attempt while the first still runs: off unless wanted, paid from a budget, and never two images."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tests.integration.engine.painter import Painter
from tests.integration.engine.running import Engine, engine, image, jobs, soon

from palio.contract.document import JobAttempt, Workflow
from palio.contract.json import JsonObject
from palio.contract.status import Status
from palio.engine.room import RaceRules
from palio.providers.base import Ambiguous, Refused, RunFailed
from palio.store.ledger import AttemptStatus

S = Status
HEDGED: JsonObject = {"metadata": {"palio": {"hedge": 1, "objective": "fastest"}}}


def gone_slow(name: str = "slow", **options: object) -> Painter:
    """A provider whose runs are known to take moments, and that takes for ever from now on."""
    painter = Painter(name, price=0.001, seconds=0.001, **options)  # type: ignore[arg-type]
    painter.gate.clear()
    return painter


def rival(**options: object) -> Painter:
    """A provider that is too slow to be first, and cheap enough to be worth it where the first may have failed."""
    painter = Painter("other", price=0.00001, seconds=0.5, **options)  # type: ignore[arg-type]
    painter.pause = 0.3
    return painter


def shown(document: Workflow) -> list[str]:
    """The attempts at the only job, oldest first."""
    attempts: Sequence[JobAttempt] = jobs(document)[0].attempts or []
    return [f"{attempt.provider} {attempt.status}{' (hedge)' if attempt.hedge else ''}" for attempt in attempts]


async def settled(palio: Engine, workflow_id: str) -> Workflow:
    """A workflow that is over, and of which nothing runs any more."""
    await palio.end_of(workflow_id)
    return await palio.until(workflow_id, lambda document: not any("started" in line for line in shown(document)))


async def saved_up(palio: Engine, slow: Painter) -> None:
    """The account's budget has the price of a hedge, and there is a record of runs that took moments."""
    slow.gate.set()
    for _ in range(25):
        await palio.run(image(), **HEDGED)
    slow.gate.clear()


async def test_it_is_off_unless_somebody_wants_it(tmp_path: Path) -> None:
    slow, other = gone_slow(), Painter("other", price=0.002, seconds=0.01)
    async with engine(tmp_path, slow, other) as palio:
        workflow_id = await palio.submit(image(), metadata={"palio": {"providers": ["slow", "other"]}})
        await soon(lambda: slow.running + other.runs > 0)
        await asyncio.sleep(0.5)
        slow.gate.set()
        document = await palio.end_of(workflow_id)

    assert len(shown(document)) == 1


async def test_the_first_image_wins_and_the_other_run_is_stopped(tmp_path: Path) -> None:
    slow, other = gone_slow(), rival()
    async with engine(tmp_path, slow, other) as palio:
        await saved_up(palio, slow)
        slow_runs = slow.runs
        while True:
            document = await settled(palio, await palio.submit(image(), **HEDGED))
            if slow.runs > slow_runs:
                break
        attempts = await palio.attempts(document.id or "")

    assert document.status is S.succeeded
    assert shown(document) == ["slow canceled", "other succeeded (hedge)"]
    assert jobs(document)[0].provider == "other"
    assert slow.canceled == [f"slow-{slow.runs}"]
    assert [(attempt.status, attempt.hedge) for attempt in attempts] == [
        (AttemptStatus.canceled, False),
        (AttemptStatus.succeeded, True),
    ]


async def test_without_money_in_the_budget_nothing_is_hedged(tmp_path: Path) -> None:
    slow, other = gone_slow(), Painter("other", price=5, seconds=0.01)
    async with engine(tmp_path, slow, other) as palio:
        workflow_id = await palio.submit(image(), **HEDGED)
        await soon(lambda: slow.running == 1)
        await asyncio.sleep(0.7)
        slow.gate.set()
        document = await palio.end_of(workflow_id)

    assert (shown(document), other.runs) == (["slow succeeded"], 0)


async def test_where_losing_is_free_the_budget_does_not_matter(tmp_path: Path) -> None:
    slow, own = gone_slow(), Painter("own", price=0, seconds=0.5)
    async with engine(tmp_path, slow, own, rules=RaceRules(hedge_for=frozenset({"fastest"}))) as palio:
        document = await palio.run(image(), metadata={"palio": {"objective": "fastest"}})

    assert document.status is S.succeeded
    assert shown(document)[-1].startswith("own succeeded")


async def hedged_pair(palio: Engine, slow: Painter, other: Painter) -> str:
    """A workflow of which both runs are under way."""
    await saved_up(palio, slow)
    other.gate.clear()
    while True:
        before = slow.runs
        workflow_id = await palio.submit(image(retries=0), **HEDGED)
        await soon(lambda: slow.running + other.running > 0)
        if slow.runs > before:
            await soon(lambda: slow.running == 1 and other.running == 1)
            return workflow_id
        other.gate.set()
        await palio.end_of(workflow_id)
        other.gate.clear()


class TestEnds:
    async def test_when_the_first_fails_the_second_goes_on(self, tmp_path: Path) -> None:
        slow, other = gone_slow(), rival()
        async with engine(tmp_path, slow, other) as palio:
            workflow_id = await hedged_pair(palio, slow, other)
            slow.will_end_with(Ambiguous("no answer"))
            slow.gate.set()
            await soon(lambda: slow.running == 0)
            await asyncio.sleep(0.05)
            other.gate.set()
            document = await palio.end_of(workflow_id)

        assert (document.status, shown(document)) == (S.succeeded, ["slow failed", "other succeeded (hedge)"])

    async def test_when_both_fail_the_job_has_failed(self, tmp_path: Path) -> None:
        slow, other = gone_slow(), rival()
        async with engine(tmp_path, slow, other) as palio:
            workflow_id = await hedged_pair(palio, slow, other)
            for painter in (slow, other):
                painter.will_end_with(RunFailed("out of paint"))
                painter.gate.set()
            document = await palio.end_of(workflow_id)

        assert (document.status, jobs(document)[0].reason) == (S.failed, "failed")
        assert shown(document) == ["slow failed", "other failed (hedge)"]

    async def test_a_refusal_ends_the_other_run_too(self, tmp_path: Path) -> None:
        slow, other = gone_slow(), rival()
        async with engine(tmp_path, slow, other) as palio:
            workflow_id = await hedged_pair(palio, slow, other)
            slow.will_end_with(Refused("no"))
            slow.gate.set()
            document = await settled(palio, workflow_id)

        assert jobs(document)[0].reason == "blocked"
        assert shown(document) == ["slow failed", "other canceled (hedge)"]
        assert len(other.canceled) == 1

    async def test_a_refusal_that_comes_while_the_other_image_is_kept_changes_nothing(self, tmp_path: Path) -> None:
        slow, other = gone_slow(), rival()
        async with engine(tmp_path, slow, other) as palio:
            workflow_id = await hedged_pair(palio, slow, other)
            slow.will_end_with(Refused("no"))
            other.pause = 0
            with palio.busy_disk():
                other.gate.set()
                await asyncio.sleep(0.1)
                slow.gate.set()
                await asyncio.sleep(0.1)
            document = await settled(palio, workflow_id)

        assert document.status is S.succeeded
        assert shown(document)[1] == "other succeeded (hedge)"

    async def test_two_images_at_once_make_one_winner_and_one_surplus(self, tmp_path: Path) -> None:
        slow, other = gone_slow(), rival()
        async with engine(tmp_path, slow, other) as palio:
            workflow_id = await hedged_pair(palio, slow, other)
            with palio.busy_disk():
                other.pause = 0
                slow.gate.set()
                await asyncio.sleep(0.1)
                other.gate.set()
                await asyncio.sleep(0.1)
            document = await palio.end_of(workflow_id)
            attempts = await palio.attempts(workflow_id)

        assert document.status is S.succeeded
        assert [attempt.status for attempt in attempts] == [AttemptStatus.succeeded, AttemptStatus.surplus]
        assert shown(document)[0] == "slow succeeded"

    async def test_a_cancel_stops_both(self, tmp_path: Path) -> None:
        slow, other = gone_slow(), rival()
        async with engine(tmp_path, slow, other) as palio:
            workflow_id = await hedged_pair(palio, slow, other)
            await palio.cancel(workflow_id)
            document = await palio.end_of(workflow_id)

        assert (document.status, shown(document)) == (S.canceled, ["slow canceled", "other canceled (hedge)"])
        assert (len(slow.canceled), len(other.canceled)) == (1, 1)

    async def test_after_a_restart_both_are_gone_on_with_and_one_wins(self, tmp_path: Path) -> None:
        slow = gone_slow(resumable=True)
        other = rival(resumable=True)
        async with engine(tmp_path, slow, other) as palio:
            workflow_id = await hedged_pair(palio, slow, other)

        # Given a place fewer than there are runs
        again = [gone_slow(resumable=True, concurrency=1), Painter("other", price=0.0011, resumable=True)]
        async with engine(tmp_path, *again) as palio:
            document = await settled(palio, workflow_id)
            attempts = await palio.attempts(workflow_id)

        assert (document.status, jobs(document)[0].provider) == (S.succeeded, "other")
        assert [attempt.status for attempt in attempts] == [AttemptStatus.canceled, AttemptStatus.succeeded]
        assert [painter.runs for painter in again] == [0, 0]


async def test_the_share_that_may_be_spent_is_kept(tmp_path: Path) -> None:
    slow, other = gone_slow(), Painter("other", price=0.001, seconds=0.01)
    rules = RaceRules(hedge=0.2, hedge_for=frozenset({"all"}), patience=timedelta(0))
    async with engine(tmp_path, slow, other, rules=rules) as palio:
        slow.gate.set()
        for _ in range(40):
            await palio.run(image())
        slow.pause = 0.3
        for _ in range(20):
            await palio.run(image())
        attempts = slow.runs + other.runs

    assert attempts <= 60 * 1.2
