"""What a process left behind is brought to its end by the next one, and nothing is paid for twice."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter
from tests.integration.engine.running import ACCOUNT, Engine, echo, engine, image, jobs, ref, soon

from palio.contract.instant import now
from palio.contract.status import Status
from palio.providers.base import Assignment, Lost
from palio.store.ledger import AttemptStatus
from palio.store.store import Store

S = Status


def closed(**options: bool) -> Painter:
    painter = Painter(**options)  # type: ignore[arg-type]
    painter.gate.clear()
    return painter


async def left_running(palio: Engine, painter: Painter, *steps: object) -> str:
    """A workflow whose process stopped while its first run was under way."""
    workflow_id = await palio.submit(*(steps or (image(),)))  # type: ignore[arg-type]
    await soon(lambda: painter.running > 0)
    return workflow_id


async def test_what_was_recorded_and_not_begun_is_run(tmp_path: Path) -> None:
    async with engine(tmp_path, serve=False) as palio:
        workflow_id = await palio.submit(image(name="a"), echo(ref("a", "output.images[0].url")))

    async with engine(tmp_path, Painter()) as palio:
        assert (await palio.end_of(workflow_id)).status is S.succeeded


async def test_what_comes_in_while_the_process_begins_is_run_once(tmp_path: Path) -> None:
    painter = Painter()
    async with engine(tmp_path, painter, serve=False) as palio:
        workflow_id = await palio.submit(image())
        palio.serve()

        assert (await palio.end_of(workflow_id)).status is S.succeeded
        assert (await palio.run(image())).status is S.succeeded

    assert len(painter.started) == 2


async def test_a_run_that_can_be_watched_from_elsewhere_is_not_started_again(tmp_path: Path) -> None:
    first, second = closed(resumable=True), Painter(resumable=True)
    async with engine(tmp_path, first) as palio:
        workflow_id = await left_running(palio, first)

    async with engine(tmp_path, second) as palio:
        document = await palio.end_of(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert (document.status, attempt.status, attempt.handle) == (S.succeeded, AttemptStatus.succeeded, "painter-1")
    assert (len(first.started), len(second.started), first.canceled) == (1, 0, [])
    [shown] = jobs(document)[0].attempts or []
    assert (shown.provider, shown.status) == ("painter", "succeeded")


async def test_a_run_that_costs_nothing_and_is_lost_is_started_again(tmp_path: Path) -> None:
    first, second = closed(free=True), Painter(free=True)
    async with engine(tmp_path, first) as palio:
        workflow_id = await left_running(palio, first)

    async with engine(tmp_path, second) as palio:
        document = await palio.end_of(workflow_id)
        attempts = await palio.attempts(workflow_id)

    assert document.status is S.succeeded
    assert [attempt.status for attempt in attempts] == [AttemptStatus.lost, AttemptStatus.succeeded]
    assert [attempt.fence for attempt in attempts] == [1, 2]
    assert [job.seed for job in first.started] == [job.seed for job in second.started]


@pytest.mark.parametrize("resumable", [False, True])
async def test_a_paid_run_without_a_handle_is_never_started_again(tmp_path: Path, resumable: bool) -> None:
    class Slow(Painter):
        async def start(self, assignment: Assignment) -> str:
            await super().start(assignment)
            await asyncio.sleep(60)
            return "never"

    first, second = Slow(resumable=resumable), Painter(resumable=resumable)
    async with engine(tmp_path, first) as palio:
        workflow_id = await palio.submit(image(retries=5))
        await soon(lambda: bool(first.started))

    async with engine(tmp_path, second, Painter("other", price=1)) as palio:
        document = await palio.end_of(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert (document.status, jobs(document)[0].reason) == (S.failed, "ambiguous")
    assert (attempt.status, second.started) == (AttemptStatus.failed, [])


async def test_a_run_at_a_provider_that_is_no_longer_configured_is_not_started_elsewhere(tmp_path: Path) -> None:
    first = closed(resumable=True)
    async with engine(tmp_path, first) as palio:
        workflow_id = await left_running(palio, first)

    other = Painter("other")
    async with engine(tmp_path, other) as palio:
        document = await palio.end_of(workflow_id)

    assert (document.status, jobs(document)[0].reason, other.started) == (S.failed, "ambiguous", [])


@pytest.mark.parametrize(("free", "ends"), [(True, ["failed lost", "succeeded None"]), (False, ["failed lost"])])
async def test_a_run_whose_handle_leads_nowhere_is_made_again_if_that_is_not_paid_again(
    tmp_path: Path, free: bool, ends: list[str]
) -> None:
    first, second = closed(resumable=True, free=free), Painter(resumable=True, free=free, at_end=[Lost("expired")])
    async with engine(tmp_path, first) as palio:
        workflow_id = await left_running(palio, first)

    async with engine(tmp_path, second) as palio:
        document = await palio.end_of(workflow_id)

    assert [f"{shown.status} {shown.error}" for shown in jobs(document)[0].attempts or []] == ends


async def test_a_paid_run_whose_provider_breaks_when_watched_again_is_not_started_elsewhere(tmp_path: Path) -> None:
    first, second = closed(resumable=True), Painter(resumable=True, at_end=[KeyError("status")])
    async with engine(tmp_path, first) as palio:
        workflow_id = await left_running(palio, first)

    async with engine(tmp_path, second) as palio:
        document = await palio.end_of(workflow_id)
        attempts = await palio.attempts(workflow_id)

    assert (document.status, jobs(document)[0].reason) == (S.failed, "ambiguous")
    assert [attempt.status for attempt in attempts] == [AttemptStatus.failed]


async def test_what_had_succeeded_is_not_done_again(tmp_path: Path) -> None:
    first, second = Painter(concurrency=1, resumable=True), Painter(resumable=True)
    async with engine(tmp_path, first) as palio:
        workflow_id = await palio.submit(image(name="a"), image(ref("b", "output.message")), echo("kite", "b"))
        await palio.end_of(workflow_id)
        document = await palio.load(workflow_id)
        # Given a process that stopped before the second step was saved
        document.status, document.completed_at = S.processing, None
        document.steps[1].status, document.steps[1].completed_at = S.unassigned, None
        document.steps[1].jobs, document.steps[1].output = None, None
        await palio.store.workflows.save(document)

    async with engine(tmp_path, second) as palio:
        document = await palio.end_of(workflow_id)

    assert document.status is S.succeeded
    assert [job.prompt for job in second.started] == ["kite"]


async def test_a_cancel_that_was_asked_for_is_carried_out(tmp_path: Path) -> None:
    first, second = closed(resumable=True), Painter(resumable=True)
    async with engine(tmp_path, first) as palio:
        workflow_id = await left_running(palio, first)
        await palio.stop()
        await palio.cancel(workflow_id)

    async with engine(tmp_path, second) as palio:
        document = await palio.end_of(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert (document.status, second.canceled, second.started) == (S.canceled, ["painter-1"], [])
    assert attempt.status is AttemptStatus.canceled


async def test_the_time_that_passed_counts_towards_the_time_out(tmp_path: Path) -> None:
    first, second = closed(resumable=True), closed(resumable=True)
    async with engine(tmp_path, first) as palio:
        workflow_id = await left_running(palio, first, image(timeout="00:10:00"))
        document = await palio.load(workflow_id)
        document.steps[0].started_at = now() - timedelta(minutes=11)
        await palio.stop()
        await palio.store.workflows.save(document)

    async with engine(tmp_path, second) as palio:
        assert (await palio.end_of(workflow_id)).status is S.expired
        assert [attempt.is_open for attempt in await palio.attempts(workflow_id)] == [False]

    assert second.canceled == ["painter-1"]


async def test_many_at_once_are_taken_up_within_the_providers_limits(tmp_path: Path) -> None:
    first, second = closed(resumable=True), Painter(concurrency=3, resumable=True)
    async with engine(tmp_path, first) as palio:
        workflows = [await palio.submit(image()) for _ in range(20)]
        await soon(lambda: first.running == 20)

    async with engine(tmp_path, second) as palio:
        ended = [await palio.end_of(workflow_id) for workflow_id in workflows]

    assert {document.status for document in ended} == {S.succeeded}
    assert (len(second.started), second.most_at_once <= 3) == (0, True)


async def test_a_workflow_that_this_version_cannot_read_fails_and_the_others_go_on(tmp_path: Path) -> None:
    async with engine(tmp_path, serve=False) as palio:
        unreadable, readable = await palio.submit(echo("a")), await palio.submit(echo("b"))
        document = await palio.load(unreadable)
        document.steps[0].type = "telepathy"
        await palio.store.workflows.save(document)

    async with engine(tmp_path) as palio:
        assert (await palio.end_of(unreadable)).status is S.failed
        assert (await palio.end_of(readable)).status is S.succeeded


async def test_nothing_is_left_to_take_up_when_all_is_over(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter()) as palio:
        await palio.run(image())

    store = Store(f"sqlite:///{tmp_path / 'palio.db'}")
    assert await store.workflows.unfinished() == []
    assert (await store.workflows.load("unknown", ACCOUNT)) is None
    store.close()
