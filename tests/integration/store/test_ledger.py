"""Claims, of which one wins, and attempts, of which none is forgotten."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.integration.store.documents import ACCOUNT, NOON, end, load, recorded

from palio.contract.document import Workflow
from palio.contract.identity import new_id
from palio.contract.status import Status
from palio.store.files import KeptFile
from palio.store.ledger import Attempt, AttemptStatus, Settlement
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

    async def test_jobs_are_claimed_independently(self, store: Store, document: Workflow) -> None:
        assert await claim(store, attempt(document, job_id="a"), document)
        assert await claim(store, attempt(document, job_id="b"), document)


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
