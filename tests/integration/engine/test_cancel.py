"""A cancel reaches the provider, and whatever it meets the workflow ends as canceled, unless it was over already."""

import asyncio
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter
from tests.integration.engine.running import ACCOUNT, Engine, echo, engine, image, jobs, ref, soon

from palio.contract.document import Workflow
from palio.contract.status import Status
from palio.engine.announcer import within
from palio.store.ledger import AttemptStatus

S = Status


def closed() -> Painter:
    """A provider whose runs do not end."""
    painter = Painter()
    painter.gate.clear()
    return painter


def is_processing(document: Workflow) -> bool:
    return document.status is S.processing


async def running(palio: Engine, painter: Painter, *steps: object) -> str:
    """A workflow whose first run is under way."""
    workflow_id = await palio.submit(*(steps or (image(),)))  # type: ignore[arg-type]
    await soon(lambda: painter.running > 0)
    return workflow_id


async def test_before_it_was_taken_up(tmp_path: Path) -> None:
    painter = Painter()
    async with engine(tmp_path, painter, serve=False) as palio:
        workflow_id = await palio.submit(image())
        canceling = asyncio.ensure_future(palio.cancel(workflow_id))
        await asyncio.sleep(0.05)
        palio.serve()

        document = await palio.end_of(workflow_id)
        await canceling

    assert (document.status, jobs(document)[0].status) == (S.canceled, S.canceled)
    assert painter.started == []


async def test_while_it_waits_for_a_place(tmp_path: Path) -> None:
    painter = Painter(concurrency=1)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        first = await running(palio, painter)
        second = await palio.submit(image())
        await palio.until(second, lambda document: document.status is S.scheduled)

        await palio.cancel(second)

        assert (await palio.load(second)).status is S.canceled
        painter.gate.set()
        assert (await palio.end_of(first)).status is S.succeeded
        # Then its place in line is not lost to those who come later
        assert (await palio.run(image())).status is S.succeeded


async def test_while_it_runs_the_provider_is_told(tmp_path: Path) -> None:
    painter = closed()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await running(palio, painter, image(name="a"), echo(ref("a", "output.images[0].url")))

        await palio.cancel(workflow_id)

        document = await palio.load(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert [document.status, *(step.status for step in document.steps)] == [S.canceled] * 3
    assert (jobs(document)[0].status, jobs(document)[0].reason) == (S.canceled, "canceled")
    assert painter.canceled == ["painter-1"]
    assert attempt.status is AttemptStatus.canceled
    assert painter.running == 0


async def test_all_jobs_of_all_steps_are_stopped(tmp_path: Path) -> None:
    painter = closed()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image(quantity=3), image(quantity=2))
        await soon(lambda: painter.running == 5)

        await palio.cancel(workflow_id)

        assert (await palio.load(workflow_id)).status is S.canceled
        assert {attempt.status for attempt in await palio.attempts(workflow_id)} == {AttemptStatus.canceled}
    assert sorted(painter.canceled) == [f"painter-{number}" for number in range(1, 6)]


async def test_what_had_succeeded_stays(tmp_path: Path) -> None:
    painter = closed()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await running(palio, painter, echo("hello"), image())

        await palio.cancel(workflow_id)

        document = await palio.load(workflow_id)

    assert [step.status for step in document.steps] == [S.succeeded, S.canceled]
    assert document.status is S.canceled


async def test_deleting_stops_it_too(tmp_path: Path) -> None:
    painter = closed()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await running(palio, painter)

        await palio.service.delete(ACCOUNT, workflow_id)

        assert painter.canceled == ["painter-1"]
        assert await palio.store.workflows.unfinished() == []


@pytest.mark.parametrize("failure", [ValueError("no such run"), OSError("unreachable"), KeyError()])
async def test_a_provider_that_breaks_when_told_to_stop_does_not_keep_it_from_ending(
    tmp_path: Path, failure: Exception
) -> None:
    painter = closed()
    painter.cancel_failure = failure
    async with engine(tmp_path, painter) as palio:
        workflow_id = await running(palio, painter)

        await palio.cancel(workflow_id)

        assert (await palio.end_of(workflow_id)).status is S.canceled
        assert [attempt.is_open for attempt in await palio.attempts(workflow_id)] == [False]


async def test_a_provider_that_does_not_answer_is_not_waited_for_long(tmp_path: Path) -> None:
    class Deaf(Painter):
        async def cancel(self, handle: str) -> None:
            await asyncio.sleep(60)

    painter = Deaf()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await running(palio, painter)
        async with asyncio.timeout(3):
            await palio.cancel(workflow_id)

        assert (await palio.load(workflow_id)).status is S.canceled


async def test_while_it_is_claimed_no_attempt_stays_open(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter()) as palio:
        stored, template, planned = await palio.record(image())
        with palio.busy_disk():
            await palio.orchestrator.put(stored, template, planned)
            await asyncio.sleep(0.05)
            canceling = asyncio.ensure_future(palio.orchestrator.cancel(stored.id))
            await asyncio.sleep(0.05)
        await canceling

        document = await palio.end_of(stored.id)
        attempts = await palio.attempts(stored.id)

    assert document.status is S.canceled
    assert [attempt.is_open for attempt in attempts] == [False] * len(attempts)
    assert "started" not in [shown.status for shown in jobs(document)[0].attempts or []]


async def test_a_result_that_came_first_counts(tmp_path: Path) -> None:
    painter = closed()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await running(palio, painter)
        with palio.busy_disk():
            painter.gate.set()
            await asyncio.sleep(0.2)
            canceling = asyncio.ensure_future(palio.orchestrator.cancel(workflow_id))
            await asyncio.sleep(0.05)
        await canceling

        document = await palio.end_of(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert (document.status, attempt.status) == (S.succeeded, AttemptStatus.succeeded)


async def test_who_waits_hears_of_an_end_that_crosses_a_cancel_on_its_way_to_the_disk(tmp_path: Path) -> None:
    async with engine(tmp_path) as palio:
        stored, template, planned = await palio.record(echo("hello"))
        with palio.orchestrator.announcer.expect(stored.id) as ending:
            with palio.busy_disk():
                await palio.orchestrator.put(stored, template, planned)
                await asyncio.sleep(0.05)
                canceling = asyncio.ensure_future(palio.orchestrator.cancel(stored.id))
                await asyncio.sleep(0.05)

            assert await within(1.5, ending)
        await canceling

        assert (await palio.load(stored.id)).status.is_final


async def test_a_workflow_that_is_over_stays_as_it_ended(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter()) as palio:
        document = await palio.run(image())

        await palio.cancel(document.id or "")

        assert (await palio.load(document.id or "")).status is S.succeeded
