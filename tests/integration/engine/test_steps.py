"""Steps run as soon as what they refer to is there, whatever their order, and end with a reason when it is not."""

import asyncio
import re
from pathlib import Path
from random import Random

import pytest
from tests.integration.engine.painter import Painter, png
from tests.integration.engine.running import ACCOUNT, echo, engine, errors, image, jobs, ref, soon, variant_of

from palio.contract.status import Status
from palio.providers.base import Assignment, Handle, RunFailed

S = Status


async def test_a_step_waits_for_what_it_refers_to_wherever_that_stands(tmp_path: Path) -> None:
    async with engine(tmp_path) as palio:
        document = await palio.run(
            echo(ref("second", "output.message"), "third"),
            echo(ref("first", "output.message"), "second"),
            echo("hello", "first"),
        )

    assert [step.output.message for step in document.steps if step.output] == ["hello"] * 3
    third, second, first = document.steps
    assert first.completed_at is not None
    assert second.completed_at is not None
    assert first.completed_at <= (second.started_at or document.created_at) <= second.completed_at
    assert second.completed_at <= (third.started_at or document.created_at)


async def test_a_step_can_use_an_image_that_another_made(tmp_path: Path) -> None:
    first, second = Painter("first"), Painter("second", unable="busy")
    async with engine(tmp_path, first, second) as palio:
        document = await palio.run(
            image(name="draft"),
            variant_of(ref("draft", "output.images[0].url")),
        )

    assert [step.status for step in document.steps] == [S.succeeded, S.succeeded]
    [reference] = first.started[1].images
    output = document.steps[0].output
    assert output is not None
    assert (output.images or [])[0].id in reference


async def test_the_image_that_a_reference_leads_to_is_read_without_the_network(tmp_path: Path) -> None:
    class Copyist(Painter):
        async def start(self, assignment):  # type: ignore[no-untyped-def]
            self.loaded = [await assignment.load(reference) for reference in assignment.job.images]
            return await super().start(assignment)

    copyist = Copyist()
    async with engine(tmp_path, copyist) as palio:
        document = await palio.run(
            image(name="draft"),
            variant_of(ref("draft", "output.images[0].url")),
        )

    assert document.status is S.succeeded
    assert copyist.loaded[0].startswith(png()[:8])


async def test_steps_that_do_not_need_each_other_run_at_the_same_time(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(*(image() for _ in range(5)))
        await soon(lambda: painter.running == 5)
        painter.gate.set()

        document = await palio.end_of(workflow_id)

    assert (document.status, painter.most_at_once) == (S.succeeded, 5)


async def test_arguments_are_filled_in(tmp_path: Path) -> None:
    painter = Painter()
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(
            image(ref("$arguments", "texts[1]")),
            echo(ref("$arguments", "texts[0]")),
            arguments={"texts": ["hello", "a blue boat"]},
        )

    assert document.status is S.succeeded
    assert painter.started[0].prompt == "a blue boat"
    assert document.steps[1].output is not None
    assert document.steps[1].output.message == "hello"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("output.images[7].url", r"images\[7\].*4 items"),
        ("output.pictures", "pictures"),
        ("output", "must be a string"),
        ("output.images[0].width", "must be a string"),
    ],
)
async def test_a_reference_to_what_is_not_there_fails_its_step_with_the_reason(
    tmp_path: Path, path: str, reason: str
) -> None:
    async with engine(tmp_path, Painter()) as palio:
        document = await palio.run(image(name="draft", quantity=4), echo(ref("draft", path), "say"))

    assert [step.status for step in document.steps] == [S.succeeded, S.failed]
    [error] = errors(document.steps[1])
    assert error.startswith("steps[1].input.message: ")
    assert re.search(reason, error)


async def test_what_depends_on_a_failed_step_is_canceled_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter(at_start=[RunFailed("no paint")])) as palio:
        document = await palio.run(
            image(name="draft", retries=0),
            echo(ref("draft", "output.images[0].url"), "b"),
            echo(ref("b", "output.message"), "c"),
            echo("still here", "d"),
        )

    assert [step.status for step in document.steps] == [S.failed, S.canceled, S.canceled, S.succeeded]
    assert document.status is S.failed
    assert all(step.completed_at is not None for step in document.steps)


async def test_a_workflow_of_many_steps_in_a_row_comes_to_its_end(tmp_path: Path) -> None:
    async with engine(tmp_path) as palio:
        steps = [echo("hello", "s0"), *(echo(ref(f"s{n}", "output.message"), f"s{n + 1}") for n in range(99))]

        document = await palio.run(*reversed(steps))

    assert {step.status for step in document.steps} == {S.succeeded}


async def test_what_the_store_says_while_a_workflow_runs_only_moves_forward(tmp_path: Path) -> None:
    painter = Painter(concurrency=2)
    order = [S.unassigned, S.preparing, S.scheduled, S.processing, S.succeeded]
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image(name="a", quantity=4), echo(ref("a", "output.images[0].url")))
        seen = [(await palio.load(workflow_id)).status]
        while not seen[-1].is_final:
            await asyncio.sleep(0)
            seen.append((await palio.load(workflow_id)).status)

        document = await palio.load(workflow_id)

    assert [order.index(status) for status in seen] == sorted(order.index(status) for status in seen)
    assert [job.status for job in jobs(document)] == [S.succeeded] * 4


async def test_who_waits_is_not_woken_before_the_last_end_is_durable(tmp_path: Path) -> None:
    class Uneven(Painter):
        async def start(self, assignment: Assignment) -> Handle:
            self.pause = Random(self.runs).uniform(0, 0.02)
            return await super().start(assignment)

    # Given many jobs that end while the ends of others are on their way to the disk
    async with engine(tmp_path, Uneven()) as palio:
        for _ in range(20):
            stored = await palio.service.submit(ACCOUNT, {"steps": [image(quantity=4) for _ in range(5)]}, wait=30)

            assert stored.document.status is Status.succeeded
