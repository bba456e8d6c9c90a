"""What a provider's failure means for its job depends on its kind."""

import asyncio
import shutil
from pathlib import Path

import pytest
from tests.integration.engine.painter import Painter, noise, png
from tests.integration.engine.running import engine, errors, image, jobs, soon

from palio.contract.document import Workflow
from palio.contract.image.job import ImageJob
from palio.contract.status import Status
from palio.providers.base import (
    Ambiguous,
    Assignment,
    Handle,
    InvalidJob,
    NotAccepted,
    Offer,
    Refused,
    RunFailed,
    Unable,
)
from palio.store.ledger import AttemptStatus

S = Status


def providers_tried(document: Workflow) -> list[str]:
    """Who ran the only job, and what came of it."""
    [job] = jobs(document)
    return [f"{attempt.provider} {attempt.error or attempt.status}" for attempt in job.attempts or []]


class TestFailedRun:
    async def test_it_is_tried_again_on_another_provider(self, tmp_path: Path) -> None:
        cheap, dear = Painter("cheap", at_end=[RunFailed("out of paint")]), Painter("dear", price=1)
        async with engine(tmp_path, cheap, dear) as palio:
            document = await palio.run(image())

        assert document.status is S.succeeded
        assert providers_tried(document) == ["cheap failed", "dear succeeded"]
        [job] = jobs(document)
        assert (job.attempts or [])[0].detail == "out of paint"
        assert errors(document.steps[0]) == []

    async def test_it_is_tried_again_on_the_same_provider_if_that_is_all_there_is(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter(at_end=[RunFailed("a"), RunFailed("b")])) as palio:
            document = await palio.run(image())

        assert providers_tried(document) == ["painter failed", "painter failed", "painter succeeded"]

    @pytest.mark.parametrize(("retries", "runs"), [({"retries": 0}, 1), ({"retries": 1}, 2), ({}, 3)])
    async def test_it_is_tried_as_often_as_the_step_says(
        self, tmp_path: Path, retries: dict[str, int], runs: int
    ) -> None:
        painter = Painter(at_start=[RunFailed(f"failure {number}") for number in range(1, 9)])
        async with engine(tmp_path, painter) as palio:
            document = await palio.run(image(**retries))
            attempts = await palio.attempts(document.id or "")

        [job] = jobs(document)
        assert (document.status, job.reason, len(painter.started)) == (S.failed, "failed", runs)
        assert errors(document.steps[0]) == [f"failed: failure {runs}"]
        assert [attempt.fence for attempt in attempts] == [*range(1, runs + 1)]
        assert {attempt.status for attempt in attempts} == {AttemptStatus.failed}

    async def test_every_try_has_the_same_seed(self, tmp_path: Path) -> None:
        painter = Painter(at_start=[RunFailed("a"), RunFailed("b")])
        async with engine(tmp_path, painter) as palio:
            await palio.run(image())

        assert len(painter.started) == 3
        assert len({job.seed for job in painter.started}) == 1


class TestNotAccepted:
    async def test_the_next_provider_is_asked_without_using_up_retries(self, tmp_path: Path) -> None:
        busy = [Painter(f"busy{number}", price=0, at_start=[NotAccepted("429")] * 9) for number in range(4)]
        async with engine(tmp_path, *busy, Painter("last", price=1)) as palio:
            document = await palio.run(image(retries=0))

        assert document.status is S.succeeded
        assert providers_tried(document)[-1] == "last succeeded"
        assert [len(provider.started) for provider in busy] == [1, 1, 1, 1]

    async def test_when_all_decline_the_job_fails_with_everyones_reason(self, tmp_path: Path) -> None:
        first, second = (Painter(name, at_start=[NotAccepted(f"{name} is full")] * 9) for name in ("a", "b"))
        async with engine(tmp_path, first, second) as palio:
            document = await palio.run(image())

        [job] = jobs(document)
        assert (document.status, job.reason) == (S.failed, "no_provider_available")
        assert errors(document.steps[0]) == ["no_provider_available: a: a is full; b: b is full"]

    async def test_a_provider_that_stops_offering_after_it_declined_leaves_no_open_attempt(
        self, tmp_path: Path
    ) -> None:
        class Fickle(Painter):
            async def start(self, assignment: Assignment) -> Handle:
                self.unable = "closed for the day"
                raise NotAccepted("no longer")

        async with engine(tmp_path, Fickle()) as palio:
            document = await palio.run(image())
            attempts = await palio.attempts(document.id or "")

        assert (document.status, jobs(document)[0].reason) == (S.failed, "no_provider_available")
        assert [attempt.is_open for attempt in attempts] == [False]


class TestFinalFailures:
    @pytest.mark.parametrize(
        ("failure", "reason"),
        [
            (Refused("not a nice picture"), "blocked"),
            (InvalidJob("that size is not possible"), "invalid"),
            (Ambiguous("no answer after 60 s"), "ambiguous"),
        ],
    )
    @pytest.mark.parametrize("where", ["at_start", "at_end"])
    async def test_nobody_else_is_asked(self, tmp_path: Path, failure: Exception, reason: str, where: str) -> None:
        first = Painter("first", at_start=[failure]) if where == "at_start" else Painter("first", at_end=[failure])
        second = Painter("second", price=1)
        async with engine(tmp_path, first, second) as palio:
            document = await palio.run(image(retries=5))
            attempts = await palio.attempts(document.id or "")

        [job] = jobs(document)
        assert (document.status, job.status, job.reason) == (S.failed, S.failed, reason)
        assert errors(document.steps[0]) == [f"{reason}: {failure}"]
        assert (len(first.started), len(second.started)) == (1, 0)
        assert [attempt.status for attempt in attempts] == [AttemptStatus.failed]

    async def test_a_refusal_shows_at_the_image(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter(at_start=[Refused("not a nice picture")])) as palio:
            document = await palio.run(image())

        output = document.steps[0].output
        assert output is not None
        [blob] = output.images or []
        assert (blob.available, blob.blocked_reason) == (False, "not a nice picture")
        assert jobs(document)[0].blocked_reason == "not a nice picture"


class TestNoProvider:
    async def test_every_provider_says_why_not(self, tmp_path: Path) -> None:
        providers = [Painter("a", unable="does not serve zImage"), Painter("b", unable="is too small")]
        async with engine(tmp_path, *providers) as palio:
            document = await palio.run(image())

        assert (document.status, jobs(document)[0].reason) == (S.failed, "no_provider_available")
        assert errors(document.steps[0]) == ["no_provider_available: a: does not serve zImage; b: is too small"]

    async def test_none_may_be_configured(self, tmp_path: Path) -> None:
        async with engine(tmp_path) as palio:
            document = await palio.run(image())

        assert errors(document.steps[0]) == ["no_provider_available: no provider is configured"]


class TestBatch:
    async def test_it_succeeds_with_what_could_be_made(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter(concurrency=1, at_end=[png(), InvalidJob("too red")])) as palio:
            document = await palio.run(image(quantity=3))

        [step] = document.steps
        assert step.output is not None
        assert (document.status, step.status) == (S.succeeded, S.succeeded)
        assert sorted(job.status for job in jobs(document)) == ["failed", "succeeded", "succeeded"]
        assert step.output.errors == ["invalid: too red"]
        assert [blob.available for blob in step.output.images or []].count(True) == 2

    async def test_it_fails_if_nothing_could(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter(at_end=[InvalidJob("a"), InvalidJob("b")])) as palio:
            document = await palio.run(image(quantity=2))

        assert document.status is S.failed
        assert sorted(errors(document.steps[0])) == ["invalid: a", "invalid: b"]


class TestBrokenProvider:
    @pytest.mark.parametrize(
        "garbage",
        [
            ValueError(),
            KeyError("images"),
            AssertionError("\0 \udcff \U0001f600"),
            TimeoutError("read timed out"),
            StopAsyncIteration(),
            ExceptionGroup("several", [ValueError("a")]),
            RecursionError("deep"),
        ],
        ids=lambda garbage: type(garbage).__name__,
    )
    @pytest.mark.parametrize("where", ["at_start", "at_end"])
    async def test_whatever_it_raises_counts_as_a_failed_run(
        self, tmp_path: Path, garbage: Exception, where: str
    ) -> None:
        broken = Painter("a", free=True, **{where: [garbage]})  # type: ignore[arg-type]
        async with engine(tmp_path, broken, Painter("b", price=1)) as palio:
            document = await palio.run(image())
            attempts = await palio.attempts(document.id or "")

        assert providers_tried(document) == ["a failed", "b succeeded"]
        assert [attempt.status for attempt in attempts] == [AttemptStatus.failed, AttemptStatus.succeeded]

    @pytest.mark.parametrize("where", ["at_start", "at_end"])
    async def test_when_the_run_may_have_been_paid_for_nobody_starts_it_again(self, tmp_path: Path, where: str) -> None:
        broken, other = Painter("a", **{where: [KeyError("id")]}), Painter("b", price=1)  # type: ignore[arg-type]
        async with engine(tmp_path, broken, other) as palio:
            document = await palio.run(image(retries=5))

        assert (document.status, jobs(document)[0].reason) == (S.failed, "ambiguous")
        assert providers_tried(document) == ["a ambiguous"]
        assert other.started == []

    async def test_what_it_says_is_kept_in_bounds(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter(at_start=[RunFailed("blah " * 1_000_000)])) as palio:
            document = await palio.run(image(retries=0))

        assert document.status is S.failed
        assert len(errors(document.steps[0])[0]) < 3000

    @pytest.mark.parametrize("data", [b"", b"<html>502 Bad Gateway</html>", png()[:40]], ids=["none", "html", "half"])
    async def test_bytes_that_are_no_image_count_as_a_failed_run(self, tmp_path: Path, data: bytes) -> None:
        async with engine(tmp_path, Painter("a", at_end=[data]), Painter("b", price=1)) as palio:
            document = await palio.run(image())

        assert providers_tried(document) == ["a failed", "b succeeded"]
        assert "is no image" in ((jobs(document)[0].attempts or [])[0].detail or "")

    async def test_one_that_breaks_when_asked_for_an_offer_does_not_harm_the_others(self, tmp_path: Path) -> None:
        class Broken(Painter):
            def offer(self, job: ImageJob) -> Offer | Unable:
                raise KeyError(job.family)

        async with engine(tmp_path, Broken("a"), Painter("b")) as palio:
            document = await palio.run(image())

        assert document.status is S.succeeded

    async def test_one_that_ends_without_an_image_has_failed(self, tmp_path: Path) -> None:
        class Silent(Painter):
            async def watch(self, handle, assignment):  # type: ignore[no-untyped-def]
                return
                yield

        async with engine(tmp_path, Silent("a"), Painter("b", price=1)) as palio:
            document = await palio.run(image())

        assert providers_tried(document) == ["a failed", "b succeeded"]


class TestFullDisk:
    async def test_an_image_that_could_not_be_kept_is_not_said_to_be_there_and_not_paid_for_again(
        self, tmp_path: Path
    ) -> None:
        painter = Painter(at_end=[noise(400)])
        painter.gate.clear()
        async with engine(tmp_path, painter) as palio:
            workflow_id = await palio.submit(image(retries=5))
            await soon(lambda: painter.running > 0)
            # Given bytes that are lost before they are durable
            with palio.busy_disk():
                painter.gate.set()
                await asyncio.sleep(0.3)
                shutil.rmtree(tmp_path / "blobs")

            document = await palio.end_of(workflow_id)

        [step] = document.steps
        assert step.output is not None
        assert (document.status, len(painter.started)) == (S.failed, 1)
        assert step.output.images == []
