"""A step that takes too long expires, and its provider is told to stop."""

import asyncio
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter, png
from tests.integration.engine.running import echo, engine, image, jobs, ref, soon

from palio.contract.status import Status
from palio.store.ledger import AttemptStatus

S = Status
BRIEF = "00:00:00.2"


def closed(name: str = "painter") -> Painter:
    """A provider whose runs do not end."""
    painter = Painter(name)
    painter.gate.clear()
    return painter


async def test_the_step_and_its_jobs_expire_and_the_run_is_stopped_by_its_handle(tmp_path: Path) -> None:
    painter = closed()
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(image(name="a", timeout=BRIEF), echo(ref("a", "output.images[0].url")), echo("hi"))
        [attempt] = await palio.attempts(document.id or "")

    assert [step.status for step in document.steps] == [S.expired, S.canceled, S.succeeded]
    assert document.status is S.expired
    assert [(job.status, job.reason) for job in jobs(document)] == [(S.expired, "timeout")]
    assert painter.canceled == ["painter-1"]
    assert attempt.status is AttemptStatus.canceled
    assert painter.running == 0


async def test_the_operator_says_what_steps_get_that_do_not_say(tmp_path: Path) -> None:
    async with engine(tmp_path, closed(), step_timeout=0.1) as palio:
        assert (await palio.run(image())).status is S.expired


async def test_what_was_made_in_time_is_there(tmp_path: Path) -> None:
    class Half(Painter):
        async def start(self, assignment):  # type: ignore[no-untyped-def]
            handle = await super().start(assignment)
            if self.runs == 2:
                self.gate.clear()
            return handle

    async with engine(tmp_path, Half(concurrency=1)) as palio:
        document = await palio.run(image(quantity=3, timeout="00:00:00.5"))

    assert (document.status, sorted(job.status for job in jobs(document))) == (
        S.expired,
        ["expired", "expired", "succeeded"],
    )
    output = document.steps[0].output
    assert output is not None
    assert [blob.available for blob in output.images or []].count(True) == 1


async def test_waiting_for_a_place_counts(tmp_path: Path) -> None:
    painter = Painter(concurrency=1)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        first = await palio.submit(image())
        await soon(lambda: painter.running > 0)

        assert (await palio.run(image(timeout=BRIEF))).status is S.expired

        painter.gate.set()
        assert (await palio.end_of(first)).status is S.succeeded
        assert (await palio.run(image())).status is S.succeeded


@pytest.mark.parametrize("failure", [ValueError("no such run"), OSError("unreachable")])
async def test_a_provider_that_breaks_when_told_to_stop_does_not_change_the_ending(
    tmp_path: Path, failure: Exception
) -> None:
    painter = closed()
    painter.cancel_failure = failure
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(image(timeout=BRIEF, quantity=2))
        attempts = await palio.attempts(document.id or "")

    assert document.status is S.expired
    assert {attempt.is_open for attempt in attempts} == {False}


async def test_an_end_that_was_saved_is_never_left_though_the_time_is_up_at_that_moment(tmp_path: Path) -> None:
    painter = closed()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image(timeout="00:00:00.4"))
        await soon(lambda: painter.running > 0)
        # Given a result that came in time and is on its way to the disk when time is up
        with palio.busy_disk():
            painter.gate.set()
            await asyncio.sleep(0.6)

        document = await palio.end_of(workflow_id)
        await asyncio.sleep(0.05)
        assert (await palio.load(workflow_id)).status is document.status

    assert [document.status, document.steps[0].status, jobs(document)[0].status] == [S.succeeded] * 3


def test_every_run_is_stopped_also_on_the_servers_event_loop_whose_timers_are_coarse(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")
    painter = closed()

    async def run() -> None:
        async with engine(tmp_path, painter) as palio:
            steps = [image(timeout=f"00:00:00.2{number:02}3") for number in range(20)]
            workflows = [await palio.submit(step) for step in steps]
            for workflow_id in workflows:
                assert (await palio.end_of(workflow_id)).status is S.expired
                assert [attempt.status for attempt in await palio.attempts(workflow_id)] == [AttemptStatus.canceled]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    assert len(painter.canceled) == 20


async def test_in_time_is_in_time(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter(at_end=[png()])) as palio:
        assert (await palio.run(image(timeout="00:00:10"))).status is S.succeeded
