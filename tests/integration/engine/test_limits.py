"""What is bounded: runs at a provider, workflows under way, and who is asked at all."""

import asyncio
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter
from tests.integration.engine.running import echo, engine, image, jobs, soon

from palio.contract.status import Status
from palio.errors import TooBusy

S = Status


async def test_no_provider_gets_more_runs_at_a_time_than_it_can_take(tmp_path: Path) -> None:
    small, large = Painter("small", concurrency=2), Painter("large", concurrency=5, price=0.0101)
    async with engine(tmp_path, small, large) as palio:
        workflows = [await palio.submit(image(quantity=4)) for _ in range(10)]
        ended = [await palio.end_of(workflow_id) for workflow_id in workflows]

    assert {document.status for document in ended} == {S.succeeded}
    assert 1 <= small.most_at_once <= 2
    assert 1 <= large.most_at_once <= 5
    assert len(small.started) + len(large.started) == 40


async def test_a_job_in_line_shows_that_it_is(tmp_path: Path) -> None:
    painter = Painter(concurrency=1)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        first, second = await palio.submit(image()), await palio.submit(image())

        assert (await palio.until(first, lambda d: d.status is S.processing)).started_at is not None
        assert jobs(await palio.until(second, lambda d: d.status is S.scheduled))[0].provider is None

        painter.gate.set()
        await palio.end_of(first)
        assert (await palio.end_of(second)).status is S.succeeded


async def test_who_is_free_takes_what_the_best_has_no_place_for(tmp_path: Path) -> None:
    best, second = Painter("best", concurrency=1), Painter("second", price=0.0105)
    best.gate.clear()
    async with engine(tmp_path, best, second) as palio:
        waiting = await palio.submit(image())
        await soon(lambda: best.running > 0)

        assert jobs(await palio.run(image()))[0].provider == "second"

        best.gate.set()
        assert jobs(await palio.end_of(waiting))[0].provider == "best"


async def test_who_costs_more_leaves_the_best_the_time_that_the_money_is_worth(tmp_path: Path) -> None:
    best, dear = Painter("best", concurrency=1), Painter("dear", price=1)
    best.gate.clear()
    async with engine(tmp_path, best, dear) as palio:
        first, second = await palio.submit(image()), await palio.submit(image())
        await soon(lambda: best.running > 0)
        await palio.until(second, lambda d: d.status is S.scheduled)

        best.gate.set()

        ended = [await palio.end_of(workflow_id) for workflow_id in (first, second)]
    assert [jobs(document)[0].provider for document in ended] == ["best", "best"]
    assert dear.started == []


async def test_a_stand_in_is_asked_only_when_nobody_else_offers(tmp_path: Path) -> None:
    real, stand_in = Painter("real", price=5, concurrency=1), Painter("stand-in", price=0, stand_in=True)
    async with engine(tmp_path, real, stand_in) as palio:
        ended = [await palio.end_of(workflow_id) for workflow_id in [await palio.submit(image()) for _ in range(4)]]
        assert {jobs(document)[0].provider for document in ended} == {"real"}

        real.unable = "closed"
        assert jobs(await palio.run(image()))[0].provider == "stand-in"


async def test_more_workflows_than_the_server_accepts_are_refused_and_not_recorded(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter, max_active=2) as palio:
        first, second = await palio.submit(image()), await palio.submit(image())

        with pytest.raises(TooBusy):
            await palio.submit(echo("hello"))
        assert {stored.id for stored in await palio.store.workflows.unfinished()} == {first, second}

        painter.gate.set()
        for workflow_id in (first, second):
            await palio.end_of(workflow_id)
        while True:
            try:
                assert (await palio.run(echo("hello"))).status is S.succeeded
                break
            except TooBusy:  # the slot is free a moment after the end can be read
                await asyncio.sleep(0.005)


async def test_submissions_at_the_same_moment_do_not_slip_through_together(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter, max_active=3) as palio:
        outcomes = await asyncio.gather(*(palio.submit(image()) for _ in range(20)), return_exceptions=True)

        assert len(await palio.store.workflows.unfinished()) == 3
        assert [isinstance(outcome, TooBusy) for outcome in outcomes].count(True) == 17


async def test_images_of_a_batch_differ_unless_a_seed_is_named(tmp_path: Path) -> None:
    painter = Painter()
    async with engine(tmp_path, painter) as palio:
        await palio.run(image(quantity=4))
        await palio.run(image(seed=7))

    seeds = [job.seed for job in painter.started]
    assert len(set(seeds[:4])) == 4
    assert seeds[4] == 7
