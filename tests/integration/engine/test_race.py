"""Who gets a job: what the owner says, what the operator says, and what the providers have shown of themselves."""

import asyncio
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from tests.integration.engine.painter import Painter
from tests.integration.engine.running import engine, errors, image, jobs, soon

from palio.contract.document import Workflow
from palio.contract.json import JsonObject
from palio.contract.status import Status
from palio.engine.reports import report_providers
from palio.errors import BadRequest
from palio.providers.base import (
    Ambiguous,
    Assignment,
    Incapable,
    KeyRefused,
    NotAccepted,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unfunded,
)
from palio.race.failures import Policy
from palio.store.ledger import AttemptStatus

S = Status


def tried(document: Workflow) -> list[str]:
    """Who ran the only job, and what came of it."""
    [job] = jobs(document)
    return [f"{attempt.provider} {attempt.error or attempt.status}" for attempt in job.attempts or []]


def steered(**palio: object) -> JsonObject:
    """Metadata that steers."""
    return {"metadata": {"palio": palio}}  # type: ignore[dict-item]


class TestSteering:
    async def test_only_the_providers_that_the_owner_names_are_asked(self, tmp_path: Path) -> None:
        cheap, dear = Painter("cheap", price=0), Painter("dear", price=1)
        async with engine(tmp_path, cheap, dear) as palio:
            chosen = await palio.run(image(), **steered(providers=["dear"]))
            excluded = await palio.run(image(), **steered(exclude=["cheap"]))

        assert (tried(chosen), tried(excluded)) == (["dear succeeded"], ["dear succeeded"])
        assert cheap.started == []

    async def test_a_step_goes_before_its_workflow(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter("a"), Painter("b")) as palio:
            step = {**image(), **steered(providers=["b"])}
            document = await palio.run(step, **steered(providers=["a"]))

        assert tried(document) == ["b succeeded"]

    @pytest.mark.parametrize(("price", "told"), [(0.5, "it costs 0.5 USD"), (None, "its price is not known")])
    async def test_nobody_over_the_highest_price_is_asked(self, tmp_path: Path, price: float | None, told: str) -> None:
        async with engine(tmp_path, Painter("dear", price=price)) as palio:
            document = await palio.run(image(), **steered(maxPrice=0.1))

        [job] = jobs(document)
        [decline] = job.declined or []
        assert (job.reason, decline.provider, decline.why) == ("no_provider_available", "dear", "tooExpensive")
        assert errors(document.steps[0]) == [f"no_provider_available: dear: {told}, and maxPrice is 0.1"]

    async def test_a_name_that_no_provider_has_is_refused_with_its_place(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter("a")) as palio:
            with pytest.raises(BadRequest) as raised:
                await palio.submit({**image(), **steered(exclude=["a", "gone"])}, **steered(providers=["b"]))

        assert raised.value.errors == {
            "metadata.palio.providers[0]": ["there is no provider `b`; there are a"],
            "steps[0].metadata.palio.exclude[1]": ["there is no provider `gone`; there are a"],
        }

    async def test_the_fastest_is_taken_for_whom_time_is_dear(self, tmp_path: Path) -> None:
        slow, fast = Painter("slow", price=0, seconds=30), Painter("fast", price=0.1, seconds=1)
        async with engine(tmp_path, slow, fast) as palio:
            cheapest = await palio.run(image(), **steered(objective="cheapest"))
            fastest = await palio.run(image(), **steered(objective="fastest"))
            in_time = await palio.run(image(), **steered(objective="cheapest", deadline=8))

        assert [tried(document) for document in (cheapest, fastest, in_time)] == [
            ["slow succeeded"],
            ["fast succeeded"],
            ["fast succeeded"],
        ]


class TestFailures:
    @pytest.mark.parametrize("failure", [Unfunded("exhausted balance"), KeyRefused("bad key")])
    async def test_a_provider_whose_account_is_not_in_order_is_left_alone_and_the_others_go_on(
        self, tmp_path: Path, failure: ProviderError
    ) -> None:
        first, second = Painter("first", price=0, at_start=[failure] * 5), Painter("second", price=1)
        async with engine(tmp_path, first, second) as palio:
            one, two = await palio.run(image(retries=0)), await palio.run(image(retries=0))
            report = report_providers(palio.orchestrator.room).items[0]

        assert tried(one) == [f"first {failure.name}", "second succeeded"]
        assert tried(two) == ["second succeeded"]
        assert (report.state, report.reason) == ("disabled", str(failure))

    async def test_what_one_provider_cannot_do_goes_to_another_and_counts_against_nobody(self, tmp_path: Path) -> None:
        first, second = Painter("first", price=0, at_start=[Incapable("too wide")] * 9), Painter("second", price=1)
        async with engine(tmp_path, first, second) as palio:
            documents = [await palio.run(image(retries=0)) for _ in range(4)]

        assert [tried(document) for document in documents] == [["first incapable", "second succeeded"]] * 4

    async def test_a_refusal_is_shopped_around_only_if_the_operator_says_so(self, tmp_path: Path) -> None:
        strict, other = Painter("strict", price=0, at_start=[Refused("no")]), Painter("other", price=1)
        async with engine(tmp_path, strict, other, policies={"strict": Policy(shop_refusals=True)}) as palio:
            document = await palio.run(image())

        assert tried(document) == ["strict refused", "other succeeded"]
        assert jobs(document)[0].blocked_reason is None

    async def test_an_ambiguous_run_is_repeated_only_if_the_operator_says_so(self, tmp_path: Path) -> None:
        deaf, other = Painter("deaf", price=0, at_start=[Ambiguous("no answer")]), Painter("other", price=1)
        async with engine(tmp_path, deaf, other, policies={"deaf": Policy(repeat_ambiguous=True)}) as palio:
            document = await palio.run(image())

        assert tried(document) == ["deaf ambiguous", "other succeeded"]

    async def test_a_rate_limit_is_waited_for_and_uses_nothing_up(self, tmp_path: Path) -> None:
        painter = Painter(at_start=[RateLimited("slow down", 0.3), RateLimited("slow down", 0.3)])
        async with engine(tmp_path, painter) as palio:
            began = monotonic()
            document = await palio.run(image(retries=0))

        assert tried(document) == ["painter rate_limited", "painter rate_limited", "painter succeeded"]
        assert monotonic() - began >= 0.6

    async def test_while_one_is_limited_another_takes_over(self, tmp_path: Path) -> None:
        limited = Painter("limited", price=0, at_start=[RateLimited("slow down", 60)])
        async with engine(tmp_path, limited, Painter("other", price=0.001)) as palio:
            document = await palio.run(image(retries=0))

        assert tried(document) == ["limited rate_limited", "other succeeded"]

    async def test_a_provider_that_keeps_failing_is_left_alone(self, tmp_path: Path) -> None:
        broken = Painter("broken", price=0, at_start=[RunFailed("out of memory")] * 99)
        async with engine(tmp_path, broken, Painter("other", price=1)) as palio:
            documents = [await palio.run(image()) for _ in range(6)]
            report = report_providers(palio.orchestrator.room).items[0]

        assert [tried(document)[0] for document in documents[:3]] == ["broken failed"] * 3
        assert [tried(document) for document in documents[3:]] == [["other succeeded"]] * 3
        assert (report.state, report.models[0].breaker) == ("failing", "open")

    async def test_nothing_is_lost_to_an_outage_that_is_shorter_than_the_patience(self, tmp_path: Path) -> None:
        painter = Painter(at_start=[NotAccepted("restarting")] * 2)
        async with engine(tmp_path, painter, patience=30) as palio:
            document = await palio.run(image(retries=0))

        assert tried(document) == ["painter not_accepted", "painter not_accepted", "painter succeeded"]

    async def test_patience_ends(self, tmp_path: Path) -> None:
        painter = Painter(at_start=[NotAccepted("gone")] * 99)
        async with engine(tmp_path, painter, patience=1) as palio:
            document = await palio.run(image())

        assert jobs(document)[0].reason == "no_provider_available"
        assert 2 <= len(painter.started) <= 4


class TestLostAnswers:
    async def test_a_run_that_the_provider_has_is_gone_on_with(self, tmp_path: Path) -> None:
        painter = Painter(findable=True, resumable=True, at_start=[Ambiguous("timed out")])
        async with engine(tmp_path, painter, Painter("other", price=1)) as palio:
            document = await palio.run(image(retries=0))
            [attempt] = await palio.attempts(document.id or "")

        assert tried(document) == ["painter succeeded"]
        assert (painter.asked_for, attempt.handle) == ([attempt.id], "painter-1")

    async def test_one_that_it_never_had_goes_to_the_next(self, tmp_path: Path) -> None:
        class Lossy(Painter):
            async def find(self, attempt_id: str) -> str | None:
                self.asked_for.append(attempt_id)
                return None

        lossy = Lossy(findable=True, at_start=[Ambiguous("timed out")])
        async with engine(tmp_path, lossy, Painter("other", price=1)) as palio:
            document = await palio.run(image(retries=0))

        assert tried(document) == ["painter not_accepted", "other succeeded"]
        assert len(lossy.asked_for) == 2

    @pytest.mark.parametrize("arrived", [True, False])
    async def test_after_a_restart_the_provider_is_asked_by_the_id_of_the_attempt(
        self, tmp_path: Path, arrived: bool
    ) -> None:
        class Slow(Painter):
            async def start(self, assignment: Assignment) -> str:
                await super().start(assignment)
                await asyncio.sleep(60)
                return "never"

        first, second = Slow(resumable=True, findable=True), Painter(resumable=True, findable=True)
        async with engine(tmp_path, first) as palio:
            workflow_id = await palio.submit(image(retries=0))
            await soon(lambda: bool(first.started))
        second.found = first.found if arrived else {}

        async with engine(tmp_path, second) as palio:
            second.runs = 1
            document = await palio.end_of(workflow_id)
            attempts = await palio.attempts(workflow_id)

        expected = ["painter succeeded"] if arrived else ["painter not_accepted", "painter succeeded"]
        assert tried(document) == expected
        assert [attempt.is_open for attempt in attempts] == [False] * len(expected)
        assert len(second.started) == (0 if arrived else 1)


class TestRetriesAfterARestart:
    async def test_those_used_up_before_count(self, tmp_path: Path) -> None:
        class Hanging(Painter):
            async def start(self, assignment: Assignment) -> str:
                if self.runs == 2:
                    self.gate.clear()
                return await super().start(assignment)

        first = Hanging(at_end=[RunFailed("a"), RunFailed("b")], resumable=True)
        async with engine(tmp_path, first) as palio:
            workflow_id = await palio.submit(image(retries=2))
            await soon(lambda: first.runs == 3 and first.running == 1)

        async with engine(tmp_path, Painter(at_end=[RunFailed("c")] * 5, resumable=True)) as palio:
            document = await palio.end_of(workflow_id)

        assert (document.status, jobs(document)[0].reason) == (S.failed, "failed")
        assert tried(document) == ["painter failed"] * 3


class TestFairness:
    async def test_one_account_does_not_keep_another_waiting(self, tmp_path: Path) -> None:
        painter = Painter(concurrency=1)
        painter.gate.clear()
        async with engine(tmp_path, painter) as palio:
            flood = [await palio.submit(image(prompt=f"flood {n}")) for n in range(20)]
            await soon(lambda: painter.running == 1)
            single = await palio.service.submit("bob", {"steps": [image(prompt="single")]})
            await soon(lambda: palio.orchestrator.room.field.gate("painter").waiting == 20)

            painter.gate.set()
            for workflow_id in flood:
                await palio.end_of(workflow_id)
            await palio.service.get("bob", single.id, wait=5)

        assert [job.prompt for job in painter.started].index("single") <= 2

    async def test_of_an_accounts_own_jobs_the_urgent_ones_go_first(self, tmp_path: Path) -> None:
        painter = Painter(concurrency=1)
        painter.gate.clear()
        async with engine(tmp_path, painter) as palio:
            submitted = [await palio.submit(image(prompt="first"))]
            await soon(lambda: painter.running == 1)
            for priority in ("low", "normal", "high"):
                step = {**image(prompt=priority), "priority": priority}
                submitted.append(await palio.submit(step))
            await soon(lambda: palio.orchestrator.room.field.gate("painter").waiting == 3)

            painter.gate.set()
            for workflow_id in submitted:
                await palio.end_of(workflow_id)

        assert [job.prompt for job in painter.started] == ["first", "high", "normal", "low"]


class TestOutlook:
    async def test_a_job_in_line_says_how_many_are_before_it_and_when_it_may_begin(self, tmp_path: Path) -> None:
        painter = Painter(concurrency=1, seconds=10)
        painter.gate.clear()
        async with engine(tmp_path, painter) as palio:
            first, second, third = [await palio.submit(image()) for _ in range(3)]
            await soon(lambda: painter.running == 1)
            await palio.until(third, lambda document: document.status is S.scheduled)
            await palio.until(second, lambda document: document.status is S.scheduled)

            [running] = palio.orchestrator.outlook(first).values()
            [waiting] = palio.orchestrator.outlook(third).values()

            painter.gate.set()
            for workflow_id in (first, second, third):
                await palio.end_of(workflow_id)

        assert (running.rate, running.preceding) == (0.5, None)
        assert waiting.preceding == 1
        assert waiting.starts_in is not None
        assert 5 < waiting.starts_in < 40

    async def test_how_long_runs_take_is_remembered_over_a_restart(self, tmp_path: Path) -> None:
        async with engine(tmp_path, Painter(seconds=100)) as palio:
            for _ in range(3):
                await palio.run(image())
        async with engine(tmp_path, Painter(seconds=100)) as palio:
            [record] = palio.orchestrator.room.field.records.values()

        assert record.runs == 3


async def test_a_cancel_reaches_the_provider_at_once_and_frees_the_place(tmp_path: Path) -> None:
    painter = Painter(concurrency=1)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        first, second = await palio.submit(image()), await palio.submit(image())
        await soon(lambda: painter.running == 1)
        began = monotonic()

        await palio.cancel(first)

        assert painter.canceled == ["painter-1"]
        assert monotonic() - began < 1
        painter.gate.set()
        assert (await palio.end_of(second)).status is S.succeeded


async def test_a_cancel_leaves_no_place_taken_by_jobs_that_stood_in_line(tmp_path: Path) -> None:
    painter = Painter(concurrency=2)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        gate = palio.orchestrator.room.field.gate("painter")
        workflow_id = await palio.submit(image(quantity=12))
        await soon(lambda: painter.running == 2 and gate.waiting == 10)

        await palio.cancel(workflow_id)
        await palio.end_of(workflow_id)

        await soon(lambda: gate.running == 0)
        assert gate.waiting == 0
        painter.gate.set()
        assert (await palio.run(image())).status is S.succeeded


async def test_a_cancel_that_the_provider_does_not_confirm_is_not_said_to_be_one(tmp_path: Path) -> None:
    painter = Painter()
    painter.gate.clear()
    painter.cancel_failure = OSError("unreachable")
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image())
        await soon(lambda: painter.running == 1)
        await palio.cancel(workflow_id)
        await palio.end_of(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert attempt.status is AttemptStatus.abandoned


async def test_the_time_out_of_a_step_does_not_cut_a_cancel_short(tmp_path: Path) -> None:
    class Slow(Painter):
        async def cancel(self, handle: str) -> None:
            await asyncio.sleep(0.7)
            await super().cancel(handle)

    painter = Slow()
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image(timeout="00:00:01.0"))
        await soon(lambda: painter.running == 1)
        await asyncio.sleep(0.5)  # so that the time-out falls into the cancel
        await palio.cancel(workflow_id)
        document = await palio.end_of(workflow_id)
        [attempt] = await palio.attempts(workflow_id)

    assert document.status is S.canceled
    assert (painter.canceled, attempt.status) == (["painter-1"], AttemptStatus.canceled)


async def test_a_process_that_was_overtaken_changes_nothing_more(tmp_path: Path) -> None:
    painter = Painter(resumable=True)
    painter.gate.clear()
    async with engine(tmp_path, painter) as palio:
        workflow_id = await palio.submit(image())
        await soon(lambda: painter.running == 1)
        [attempt] = await palio.attempts(workflow_id)
        # Given another process that took this one for dead
        other = type(palio.store)(f"sqlite:///{tmp_path / 'palio.db'}")
        assert await other.ledger.adopt(attempt.id, attempt.started_at + timedelta(hours=1))

        painter.gate.set()
        await soon(lambda: not palio.orchestrator.outlook(workflow_id))

        [kept] = await palio.attempts(workflow_id)
        assert (await palio.load(workflow_id)).status is S.processing
        assert (kept.is_open, painter.canceled) == (True, [])
        other.close()
