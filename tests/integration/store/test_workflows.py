"""Workflows are recorded once, saved by the orchestrator, and seen only by their account."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.integration.store.documents import NOON, as_json, end, load, record, recorded, workflow

from palio.contract.status import Status
from palio.store.store import Store


class TestRecording:
    async def test_a_workflow_is_read_as_it_was_recorded(self, store: Store) -> None:
        document = workflow(tags=["a", "ü"], metadata={"a": [1, {"b": None}], "c": "日本"}, externalId="x-1")

        recorded = await record(store, document)

        assert recorded.is_new
        assert as_json(await load(store, recorded.stored.id)) == as_json(document)

    async def test_it_belongs_to_its_account(self, store: Store) -> None:
        workflow_id = await recorded(store)

        assert await store.workflows.load(workflow_id, "bob") is None
        assert await store.workflows.load("unknown", "ann") is None

    async def test_what_is_saved_is_read(self, store: Store) -> None:
        workflow_id = await recorded(store)
        document = await load(store, workflow_id)
        document.status = Status.succeeded
        document.steps[0].status = Status.succeeded
        document.completed_at = NOON + timedelta(minutes=3)

        await store.workflows.save(document)

        assert as_json(await load(store, workflow_id)) == as_json(document)

    async def test_text_may_have_the_character_that_ends_strings_in_c(self, store: Store) -> None:
        document = workflow(metadata={"title": "a\0b", "other": "kite"})

        recorded = await record(store, document)

        assert as_json(await load(store, recorded.stored.id)) == as_json(document)


class TestExternalId:
    async def test_it_stands_for_the_workflow_that_was_recorded_first(self, store: Store) -> None:
        first = await record(store, workflow(externalId="order-7"))

        second = await record(store, workflow(externalId="order-7", tags=["again"]))

        assert (first.is_new, second.is_new) == (True, False)
        assert second.stored.id == first.stored.id
        assert second.stored.document.tags == []

    async def test_accounts_do_not_share_them(self, store: Store) -> None:
        first = await record(store, workflow(externalId="order-7"), "ann")

        second = await record(store, workflow(externalId="order-7"), "bob")

        assert second.is_new
        assert second.stored.id != first.stored.id

    async def test_of_many_submissions_at_once_one_is_recorded(self, open_store: Callable[[], Store]) -> None:
        # Given two processes on one database
        stores = [open_store(), open_store()]

        outcomes = await asyncio.gather(*(record(stores[i % 2], workflow(externalId="order-7")) for i in range(20)))

        assert [outcome.is_new for outcome in outcomes].count(True) == 1
        assert len({outcome.stored.id for outcome in outcomes}) == 1

    async def test_a_deleted_workflow_leaves_it_to_others(self, store: Store) -> None:
        first = await recorded(store, externalId="order-7")
        await store.workflows.delete(first, "ann")

        second = await record(store, workflow(externalId="order-7"))

        assert second.is_new
        assert second.stored.id != first


class TestVisibility:
    async def test_a_deleted_workflow_is_gone_for_its_owner(self, store: Store) -> None:
        workflow_id = await recorded(store)

        assert not await store.workflows.delete(workflow_id, "bob")
        assert await store.workflows.delete(workflow_id, "ann")
        assert not await store.workflows.delete(workflow_id, "ann")
        assert await store.workflows.load(workflow_id, "ann") is None
        assert await store.workflows.load(workflow_id, "ann", just_ended=True) is None

    async def test_an_ephemeral_workflow_is_gone_when_it_is_over_but_for_replies_held_until_then(
        self, store: Store
    ) -> None:
        workflow_id = await recorded(store, ephemeral=True)
        assert await store.workflows.load(workflow_id, "ann") is not None

        await end(store, workflow_id)

        assert await store.workflows.load(workflow_id, "ann") is None
        shown = await store.workflows.load(workflow_id, "ann", just_ended=True)
        assert shown is not None
        assert shown.document.status is Status.succeeded


class TestUnfinished:
    async def test_what_is_not_over_is_found_oldest_first(self, store: Store) -> None:
        late, early, over = [await recorded(store, minute) for minute in (2, 1, 0)]
        await end(store, over)

        assert [stored.id for stored in await store.workflows.unfinished()] == [early, late]

    async def test_prices_are_not_workflows_to_run(self, store: Store) -> None:
        await record(store, workflow(externalId="how-much"), whatif=True)

        assert await store.workflows.unfinished() == []

    async def test_deleted_ones_are_still_to_be_stopped(self, store: Store) -> None:
        workflow_id = await recorded(store)
        await store.workflows.delete(workflow_id, "ann")

        [stored] = await store.workflows.unfinished()

        assert (stored.id, stored.account, stored.cancel_requested) == (workflow_id, "ann", True)


class TestPurge:
    async def test_only_what_ended_before_the_instant_is_forgotten(self, store: Store) -> None:
        old, younger, running = [await recorded(store, 0) for _ in range(3)]
        await end(store, old, minute=9)
        await end(store, younger, minute=11)

        assert await store.workflows.purge(NOON + timedelta(minutes=10)) == 1

        assert await store.workflows.load(old, "ann") is None
        assert {(await load(store, kept)).id for kept in (younger, running)} == {younger, running}

    async def test_prices_age_from_their_making(self, store: Store) -> None:
        await record(store, workflow(0, externalId="old"), whatif=True)
        await record(store, workflow(11, externalId="young"), whatif=True)

        assert await store.workflows.purge(NOON + timedelta(minutes=10)) == 1

        assert (await record(store, workflow(12, externalId="old"))).is_new
        assert not (await record(store, workflow(12, externalId="young"))).is_new

    @pytest.mark.parametrize("tags", [[], ["a", "b"]])
    async def test_it_takes_as_many_as_it_is_told(self, store: Store, tags: list[str]) -> None:
        for _ in range(5):
            await end(store, await recorded(store, tags=[*tags]))

        taken = [await store.workflows.purge(NOON + timedelta(days=1), limit=2) for _ in range(4)]

        assert taken == [2, 2, 1, 0]
