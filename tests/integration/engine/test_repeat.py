"""A repeat does its template once for every item, in parallel, and comes to what its copies come to."""

import asyncio
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter
from tests.integration.engine.running import ACCOUNT, echo, engine, errors, image, jobs, ref, soon, variant_of

from palio.contract.document import Step, copies_in, every_step
from palio.contract.json import Json, JsonObject
from palio.contract.status import Status
from palio.engine import planning
from palio.errors import BadRequest
from palio.providers.base import Assignment, Handle, RunFailed

S = Status
WORDS: JsonObject = {"words": ["tower", "square", "horse"]}


def repeat(source: str, path: str, template: Json, **members: Json) -> JsonObject:
    """A step that does `template` for each `item` of an array."""
    input_: JsonObject = {"for": {"$ref": source, "path": path, "as": "item"}, "template": template}
    return {"$type": "repeat", "input": input_, **members}


def for_each_word(template: Json, **members: Json) -> JsonObject:
    return repeat("$arguments", "words", template, **members)


def message(step: Step) -> str | None:
    return step.output.message if step.output is not None else None


async def test_each_item_of_an_argument_gets_its_copy_in_order(tmp_path: Path) -> None:
    painter = Painter()
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(for_each_word(image(ref("item", "")), name="paint"), arguments=WORDS)

    [step] = document.steps
    copies = copies_in(step)
    assert (document.status, step.status) == (S.succeeded, S.succeeded)
    assert [copy.name for copy in copies] == ["paint[0]", "paint[1]", "paint[2]"]
    assert {copy.status for copy in copies} == {S.succeeded}
    assert all(len(copy.output.images or []) == 1 for copy in copies if copy.output is not None)
    assert sorted(job.prompt for job in painter.started) == ["horse", "square", "tower"]


async def test_the_jobs_of_copies_are_there_from_the_first_reply_on(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter(), serve=False) as palio:
        workflow_id = await palio.submit(for_each_word(image(ref("item", ""), quantity=2)), arguments=WORDS)

        document = await palio.load(workflow_id)

    assert [len(copy.jobs or []) for copy in copies_in(document.steps[0])] == [2, 2, 2]
    assert {job.status for copy in copies_in(document.steps[0]) for job in copy.jobs or []} == {S.unassigned}


async def test_each_image_of_another_step_gets_its_copy(tmp_path: Path) -> None:
    painter = Painter()
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(
            repeat("draft", "output.images", variant_of(ref("item", "url"), prompt=ref("$arguments", "style"))),
            image(name="draft", quantity=3),
            arguments={"style": "in oil"},
        )

    made = document.steps[1].output
    assert made is not None
    assert document.status is S.succeeded
    variants = sorted(painter.started[3:], key=lambda job: [blob.id in job.images[0] for blob in made.images or []])
    assert [job.prompt for job in variants] == ["in oil"] * 3
    assert len({job.images[0] for job in variants}) == 3


async def test_other_steps_can_use_what_copies_made(tmp_path: Path) -> None:
    painter = Painter()
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(
            variant_of(ref("paint", "output.steps[1].output.images[0].url")),
            for_each_word(image(ref("item", "")), name="paint"),
            arguments=WORDS,
        )

    output = copies_in(document.steps[1])[1].output
    assert output is not None
    assert document.status is S.succeeded
    assert (output.images or [])[0].id in painter.started[-1].images[0]


async def test_the_items_of_a_repeat_can_be_repeated(tmp_path: Path) -> None:
    async with engine(tmp_path) as palio:
        document = await palio.run(
            for_each_word(echo(ref("item", "")), name="first"),
            repeat("first", "output.steps", echo(ref("item", "output.message"))),
            arguments=WORDS,
        )

    assert [message(copy) for copy in copies_in(document.steps[1])] == WORDS["words"]


@pytest.mark.parametrize("known", [True, False])
async def test_a_repeat_may_stand_in_a_repeat(tmp_path: Path, known: bool) -> None:
    rows: JsonObject = {"rows": [{"cells": ["a", "b"]}, {"cells": []}, {"cells": ["c"]}]}
    inner: JsonObject = {
        "$type": "repeat",
        "input": {"for": {"$ref": "item", "path": "cells", "as": "cell"}, "template": echo(ref("cell", ""))},
    }
    outer = repeat("$arguments", "rows", inner, name="table")
    if not known:  # until the echo has ended, as the template needs it
        inner["input"]["template"] = echo(ref("say", "output.message"))  # type: ignore[index,call-overload]
    async with engine(tmp_path) as palio:
        document = await palio.run(outer, echo("x", "say"), arguments=rows)

    table = [copies_in(row) for row in copies_in(document.steps[0])]
    assert document.status is S.succeeded
    assert [[cell.name for cell in row] for row in table] == [["table[0][0]", "table[0][1]"], [], ["table[2][0]"]]

    said = [["a", "b"], [], ["c"]] if known else [["x", "x"], [], ["x"]]
    assert [[message(cell) for cell in row] for row in table] == said


async def test_nothing_to_repeat_is_a_success(tmp_path: Path) -> None:
    async with engine(tmp_path) as palio:
        document = await palio.run(for_each_word(echo(ref("item", ""))), arguments={"words": []})

    [step] = document.steps
    assert (step.status, step.output is not None and step.output.steps) == (S.succeeded, [])


async def test_copies_run_at_the_same_time(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(for_each_word(image(ref("item", ""))), arguments=WORDS)
        await soon(lambda: painter.running == 3)
        running = await palio.load(workflow_id)
        painter.gate.set()
        await palio.end_of(workflow_id)

    assert (running.status, running.steps[0].status) == (S.processing, S.processing)


async def test_a_copy_that_fails_fails_the_repeat_and_leaves_the_others_be(tmp_path: Path) -> None:
    async with engine(tmp_path, Painter(at_start=[RunFailed("no paint")])) as palio:
        document = await palio.run(
            for_each_word(image(ref("item", ""), retries=0), name="paint"),
            echo(ref("paint", "output.steps[1].output.images[0].url"), "after"),
            arguments=WORDS,
        )

    step, after = document.steps
    assert [copy.status for copy in copies_in(step)] == [S.failed, S.succeeded, S.succeeded]
    assert (document.status, step.status, after.status) == (S.failed, S.failed, S.canceled)
    assert errors(step) == ["`paint[0]` has failed: failed: no paint"]
    assert errors(after) == ["canceled: `paint` has failed"]


async def test_an_item_without_what_the_template_reads_fails_its_copy_alone(tmp_path: Path) -> None:
    async with engine(tmp_path) as palio:
        document = await palio.run(
            for_each_word(echo(ref("item", "")), name="first"),
            repeat("first", "output.steps", echo(ref("item", "output.title")), name="second"),
            arguments=WORDS,
        )

    copies = copies_in(document.steps[1])
    assert {copy.status for copy in copies} == {S.failed}
    assert errors(copies[2])[0].startswith(
        "steps[1].input.template.input.message: there is no `output.steps[2].output.title`"
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("output.message", "steps[1].input.for: `output.message` of `say` is not an array"),
        ("output", "steps[1].input.for: `output` of `say` is not an array"),
        ("output.frames", "steps[1].input.for: there is no `output.frames`: `output` has message"),
    ],
)
async def test_what_is_no_array_fails_the_step_with_the_reason(tmp_path: Path, path: str, reason: str) -> None:
    async with engine(tmp_path) as palio:
        document = await palio.run(echo("hello", "say"), repeat("say", path, echo(ref("item", ""))))

    assert (document.steps[1].status, errors(document.steps[1])) == (S.failed, [reason])


async def test_a_workflow_has_a_bounded_number_of_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MAX_JOBS", 7)
    many = for_each_word(image(ref("item", ""), quantity=3))
    async with engine(tmp_path) as palio:
        with pytest.raises(BadRequest) as refused:
            await palio.submit(many, arguments=WORDS)

    assert refused.value.errors == {"steps[0].input.template": ["brings the workflow to more than 7 jobs"]}


async def test_jobs_that_are_known_late_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palio.engine.step_run.MAX_JOBS", 5)
    async with engine(tmp_path, Painter()) as palio:
        document = await palio.run(
            image(name="draft", quantity=3),
            repeat("draft", "output.images", variant_of(ref("item", "url"))),
        )

    copies = copies_in(document.steps[1])
    assert [copy.status for copy in copies].count(S.failed) == 1
    assert "more than 1000 jobs" in errors(document.steps[1])[0]


async def test_the_time_of_a_repeat_bounds_its_copies_and_their_providers_are_told(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(
            for_each_word(image(ref("item", ""), timeout="00:10:00"), timeout="00:00:00.3"), arguments=WORDS
        )

    [step] = document.steps
    assert (document.status, step.status) == (S.expired, S.expired)
    assert [copy.status for copy in copies_in(step)] == [S.expired] * 3
    assert {job.reason for copy in copies_in(step) for job in copy.jobs or []} == {"timeout"}
    assert sorted(painter.canceled) == ["painter-1", "painter-2", "painter-3"]


async def test_a_copy_has_the_time_that_the_template_says(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        document = await palio.run(
            for_each_word(image(ref("item", ""), timeout="00:00:00.3"), timeout="00:10:00"), arguments=WORDS
        )

    assert [copy.status for copy in copies_in(document.steps[0])] == [S.expired] * 3


async def test_canceling_stops_what_copies_run(tmp_path: Path) -> None:
    painter = Painter(concurrency=2)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(for_each_word(image(ref("item", ""))), arguments=WORDS)
        await soon(lambda: painter.running == 2)

        await palio.cancel(workflow_id)
        document = await palio.end_of(workflow_id)

    assert {step.status for step in every_step(document.steps)} == {S.canceled}
    assert {job.reason for step in every_step(document.steps) for job in step.jobs or []} == {"canceled"}
    assert sorted(painter.canceled) == ["painter-1", "painter-2"]


@pytest.mark.parametrize("from_a_step", [False, True])
async def test_copies_are_taken_up_by_the_next_process_and_none_is_made_twice(
    tmp_path: Path, from_a_step: bool
) -> None:
    class StuckAtTheSecond(Painter):
        async def start(self, assignment: Assignment) -> Handle:
            if self.started:
                self.gate.clear()
            return await super().start(assignment)

    first, second = StuckAtTheSecond(resumable=True, concurrency=1), Painter(resumable=True)
    steps: list[Json] = [for_each_word(image(ref("item", "")), name="paint")]
    if from_a_step:
        steps = [for_each_word(echo(ref("item", "")), name="say")]
        steps += [repeat("say", "output.steps", image(ref("item", "output.message")), name="paint")]
    async with engine(tmp_path, first) as palio:
        workflow_id = await palio.submit(*steps, arguments=WORDS)
        await soon(lambda: len(first.started) == 2 and first.running == 1)
        left = await palio.load(workflow_id)

    async with engine(tmp_path, second) as palio:
        document = await palio.end_of(workflow_id)
        attempts = await palio.attempts(workflow_id)

    before, after = ([step.name for step in every_step(each.steps)] for each in (left, document))
    every_job = [job for step in every_step(document.steps) for job in step.jobs or []]
    assert document.status is S.succeeded
    assert before == after
    assert len(every_job) == 3
    assert {job.id for job in every_job} == {attempt.job_id for attempt in attempts}
    # What was running is watched again and what had succeeded is left alone: each job is started once.
    assert len(first.started) + len(second.started) == len(attempts) == 3


async def test_the_metadata_of_a_copy_can_be_changed_by_its_name(tmp_path: Path) -> None:
    async with engine(tmp_path) as palio:
        workflow_id = (await palio.run(for_each_word(echo(ref("item", "")), name="say"), arguments=WORDS)).id or ""
        await palio.service.update_step(ACCOUNT, workflow_id, "say[1]", {"metadata": {"seen": True}})

        document = await palio.load(workflow_id)

    assert [bytes(copy.metadata) for copy in copies_in(document.steps[0])] == [b"{}", b'{"seen":true}', b"{}"]


async def test_a_repeat_waits_for_all_that_its_template_needs(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(
            image(name="draft"),
            for_each_word(variant_of(ref("draft", "output.images[0].url"), prompt=ref("item", "")), name="paint"),
            arguments=WORDS,
        )
        await soon(lambda: painter.running == 1)
        waiting = (await palio.load(workflow_id)).steps[1]
        painter.gate.set()
        document = await palio.end_of(workflow_id)

    assert (waiting.status, len(copies_in(waiting))) == (S.unassigned, 3)
    assert document.status is S.succeeded
    assert (len(jobs(document)), len(painter.started)) == (1, 4)


@pytest.mark.parametrize("ending", ["failed", "expired", "canceled"])
async def test_a_repeat_whose_source_ended_badly_is_canceled_with_its_copies(tmp_path: Path, ending: str) -> None:
    painter = Painter(at_start=[RunFailed("no paint")] if ending == "failed" else [])
    if ending != "failed":
        painter.gate.clear()
    timeout = {"timeout": "00:00:00.3"} if ending == "expired" else {}
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(
            image(name="draft", retries=0, **timeout),
            for_each_word(variant_of(ref("draft", "output.images[0].url"), prompt=ref("item", "")), name="paint"),
            echo(ref("paint", "output.steps[0].status"), "after"),
            arguments=WORDS,
        )
        if ending == "canceled":
            await soon(lambda: painter.running == 1)
            await palio.cancel(workflow_id)
        async with asyncio.timeout(10):
            document = await palio.end_of(workflow_id)

    draft, paint, after = document.steps
    assert (draft.status.value, paint.status, after.status) == (ending, S.canceled, S.canceled)
    assert {copy.status for copy in copies_in(paint)} == {S.canceled}
    assert document.status.value == ending
    if ending != "canceled":
        assert errors(paint) == [f"canceled: `draft` has {ending}"]
        assert errors(after) == ["canceled: `paint` was canceled"]
