"""Claims, of which one wins, and attempts, of which none is forgotten."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.store.documents import ACCOUNT, NOON, end, load, recorded

from palio.contract.document import Workflow
from palio.contract.identity import new_id
from palio.contract.status import Status
from palio.store.files import KeptFile
from palio.store.ledger import Attempt, AttemptStatus, Report, Settlement
from palio.store.store import Store


@pytest.fixture
async def document(store: Store) -> Workflow:
    """A workflow in the store."""
    return await load(store, await recorded(store))


def attempt(document: Workflow, fence: int = 1, provider: str = "p", job_id: str = "job") -> Attempt:
    return Attempt(
        id=new_id(),
        workflow_id=document.id or "",
        job_id=job_id,
        provider=provider,
        fence=fence,
        started_at=NOON + timedelta(seconds=fence),
        quoted=0.02,
    )


async def claim(store: Store, attempt: Attempt, document: Workflow) -> bool:
    return await store.ledger.claim(attempt, NOON, document)


class TestClaims:
    @pytest.mark.parametrize("fence", [1, 2])
    async def test_of_many_for_the_same_fence_one_wins(
        self, open_store: Callable[[], Store], store: Store, document: Workflow, fence: int
    ) -> None:
        # Given two processes, and earlier claims that led to nothing
        stores = [store, open_store()]
        for earlier in range(1, fence):
            assert await claim(store, attempt(document, earlier), document)
        attempts = [attempt(document, fence, f"p{number}") for number in range(50)]

        outcomes = await asyncio.gather(*(claim(stores[i % 2], a, document) for i, a in enumerate(attempts)))

        assert outcomes.count(True) == 1
        [winner] = [kept for kept in await store.ledger.attempts(document.id or "") if kept.fence == fence]
        assert winner == attempts[outcomes.index(True)]

    @pytest.mark.parametrize("fence", [1, 2])
    async def test_a_fence_that_was_claimed_stays_so(self, store: Store, document: Workflow, fence: int) -> None:
        for earlier in (1, 2):
            opened = attempt(document, earlier)
            assert await claim(store, opened, document)
            await store.ledger.settle(opened.id, Settlement(AttemptStatus.failed))

        assert not await claim(store, attempt(document, fence), document)
        assert await claim(store, attempt(document, 3), document)

    async def test_a_win_saves_the_workflow_and_a_loss_saves_nothing(self, store: Store, document: Workflow) -> None:
        document.status = Status.processing
        assert await claim(store, attempt(document), document)
        document.status = Status.scheduled

        assert not await claim(store, attempt(document), document)

        assert (await load(store, document.id or "")).status is Status.processing
        assert len(await store.ledger.attempts(document.id or "")) == 1

    async def test_a_claim_keeps_others_away_until_its_lease_is_over(self, store: Store, document: Workflow) -> None:
        first, second, third = (attempt(document, fence) for fence in (1, 2, 3))
        assert await store.ledger.claim(first, NOON + timedelta(seconds=2.5), document)

        assert not await store.ledger.claim(second, NOON, document)  # begins a second after noon
        assert await store.ledger.claim(third, NOON, document)  # begins three seconds after noon

    async def test_a_hedge_is_not_kept_away(self, store: Store, document: Workflow) -> None:
        assert await store.ledger.claim(attempt(document), NOON + timedelta(hours=1), document)

        assert await store.ledger.claim(replace(attempt(document, 2), hedge=True), NOON, document)

    @pytest.mark.parametrize("hedge", [False, True])
    async def test_a_job_that_has_its_image_is_claimed_no_more(
        self, store: Store, document: Workflow, hedge: bool
    ) -> None:
        won = attempt(document)
        await claim(store, won, document)
        await store.ledger.settle(won.id, Settlement(AttemptStatus.succeeded), document)

        assert not await claim(store, replace(attempt(document, 2), hedge=hedge), document)

    async def test_jobs_are_claimed_independently(self, store: Store, document: Workflow) -> None:
        assert await claim(store, attempt(document, job_id="a"), document)
        assert await claim(store, attempt(document, job_id="b"), document)


class TestReports:
    async def test_of_two_successes_one_wins_and_the_other_is_surplus(
        self, open_store: Callable[[], Store], store: Store, document: Workflow
    ) -> None:
        both = [attempt(document), replace(attempt(document, 2), hedge=True)]
        for opened in both:
            await claim(store, opened, document)
        files = [KeptFile(f"blob{n}", ACCOUNT, "image/png", 1, NOON, NOON, document.id, "job") for n in (0, 1)]

        reports = await asyncio.gather(
            *(
                store.ledger.settle(
                    opened.id, Settlement(AttemptStatus.succeeded, settled=0.02), document, file, rival_of="job"
                )
                for opened, file in zip(both, files, strict=True)
            )
        )

        assert sorted(reports) == [Report.counted, Report.surplus]
        kept = await store.ledger.attempts(document.id or "")
        assert sorted(each.status for each in kept) == [AttemptStatus.succeeded, AttemptStatus.surplus]
        assert [await store.files.load(file.id) is not None for file in files] == [
            report is Report.counted for report in reports
        ]

    @pytest.mark.parametrize("status", [AttemptStatus.succeeded, AttemptStatus.failed])
    async def test_one_on_an_attempt_that_is_over_changes_nothing(
        self, store: Store, document: Workflow, status: AttemptStatus
    ) -> None:
        opened = attempt(document)
        await claim(store, opened, document)
        await store.ledger.settle(opened.id, Settlement(AttemptStatus.canceled))
        document.status = Status.succeeded

        assert await store.ledger.settle(opened.id, Settlement(status), document) is Report.stale

        [kept] = await store.ledger.attempts(document.id or "")
        assert kept.status is AttemptStatus.canceled
        assert (await load(store, document.id or "")).status is not Status.succeeded

    async def test_one_of_a_process_that_no_longer_holds_the_attempt_changes_nothing(
        self, open_store: Callable[[], Store], store: Store, document: Workflow
    ) -> None:
        opened, other = attempt(document), open_store()
        await claim(store, opened, document)

        assert await other.ledger.adopt(opened.id, NOON + timedelta(hours=1))
        await store.ledger.accepted(opened.id, "stale")
        report = await store.ledger.settle(opened.id, Settlement(AttemptStatus.succeeded), document)

        assert report is Report.stale
        [kept] = await store.ledger.attempts(document.id or "")
        assert (kept.handle, kept.is_open) == (None, True)
        assert (await store.ledger.renew(NOON), await other.ledger.renew(NOON)) == (0, 1)
        assert await other.ledger.settle(opened.id, Settlement(AttemptStatus.succeeded), document) is Report.counted

    async def test_what_is_over_cannot_be_adopted(self, store: Store, document: Workflow) -> None:
        opened = attempt(document)
        await claim(store, opened, document)
        await store.ledger.settle(opened.id, Settlement(AttemptStatus.lost))

        assert not await store.ledger.adopt(opened.id, NOON)


class TestAttempts:
    async def test_one_is_open_until_it_is_settled_and_keeps_its_handle(self, store: Store, document: Workflow) -> None:
        opened = attempt(document)
        await claim(store, opened, document)
        [claimed] = await store.ledger.attempts(document.id or "")
        await store.ledger.accepted(opened.id, 'handle "7" ü')
        [accepted] = await store.ledger.attempts(document.id or "")
        await store.ledger.settle(opened.id, Settlement(AttemptStatus.failed, "failed", "out of memory", 0.01))
        [settled] = await store.ledger.attempts(document.id or "")

        assert claimed == opened
        assert (claimed.is_open, accepted.is_open, settled.is_open) == (True, True, False)
        assert (accepted.status, accepted.handle) == (AttemptStatus.accepted, 'handle "7" ü')
        assert (settled.status, settled.handle) == (AttemptStatus.failed, 'handle "7" ü')

    async def test_they_are_listed_oldest_first(self, store: Store, document: Workflow) -> None:
        for fence in (1, 2, 3):
            await claim(store, attempt(document, fence), document)

        assert [kept.fence for kept in await store.ledger.attempts(document.id or "")] == [1, 2, 3]
        assert await store.ledger.attempts("unknown") == []

    async def test_the_file_the_state_and_the_end_of_the_attempt_are_kept_together(
        self, store: Store, document: Workflow
    ) -> None:
        opened = attempt(document)
        await claim(store, opened, document)
        file = KeptFile("blob", ACCOUNT, "image/png", 12, NOON, NOON, document.id, "job", 3, 4, "pg")
        document.status = Status.succeeded

        await store.ledger.settle(opened.id, Settlement(AttemptStatus.succeeded, settled=0.02), document, file)

        assert await store.files.load("blob") == file
        assert (await load(store, document.id or "")).status is Status.succeeded
        assert not (await store.ledger.attempts(document.id or ""))[0].is_open

    async def test_whatever_a_provider_says_about_a_failure_can_be_kept(self, store: Store, document: Workflow) -> None:
        opened = attempt(document)
        await claim(store, opened, document)

        await store.ledger.settle(opened.id, Settlement(AttemptStatus.failed, "failed", "\0 \U0001f600 'x' %s"))

        assert not (await store.ledger.attempts(document.id or ""))[0].is_open

    async def test_they_go_with_their_workflow(self, store: Store, document: Workflow) -> None:
        await claim(store, attempt(document), document)
        await end(store, document.id or "")

        await store.workflows.purge(NOON + timedelta(days=1))

        assert await store.ledger.attempts(document.id or "") == []
