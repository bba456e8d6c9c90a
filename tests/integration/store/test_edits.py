"""What the owner changes and what the orchestrator saves live side by side in one row."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from tests.integration.store.documents import ACCOUNT, as_json, end, load, recorded

from palio.contract.document import Workflow
from palio.contract.json import Json, JsonObject
from palio.contract.patch import Attributes
from palio.contract.status import Status
from palio.store.store import Store
from palio.store.workflows import Filter

Revise = Callable[[Attributes], Attributes]


class NotLiked(Exception):
    """What a test's change raises."""


def add_tag(tag: str) -> Revise:
    return lambda target: replace(target, tags=(*target.tags, tag))


def refuse(_: object) -> Attributes:
    raise NotLiked


def metadata_of(document: Workflow) -> Json:
    value: Json = msgspec.json.decode(document.metadata)
    return value


class TestEdit:
    async def test_attributes_before_and_after_are_returned_and_the_latter_kept(self, store: Store) -> None:
        workflow_id = await recorded(store, tags=["a"], metadata={"k": 1})
        after = Attributes("unassigned", {"k": [2]}, ("b", "c"), True)

        outcome = await store.workflows.edit(workflow_id, ACCOUNT, lambda _: after)

        assert outcome == (Attributes("unassigned", {"k": 1}, ("a",), None), after)
        document = await load(store, workflow_id)
        assert (metadata_of(document), document.tags, document.allow_mature_content) == ({"k": [2]}, ["b", "c"], True)

    async def test_only_the_owner_of_a_workflow_that_is_there_can(self, store: Store) -> None:
        workflow_id, deleted = await recorded(store), await recorded(store)
        await store.workflows.delete(deleted, ACCOUNT)

        assert await store.workflows.edit(workflow_id, "bob", add_tag("x")) is None
        assert await store.workflows.edit(deleted, ACCOUNT, add_tag("x")) is None
        assert await store.workflows.edit("unknown", ACCOUNT, add_tag("x")) is None
        assert (await load(store, workflow_id)).tags == []

    async def test_edits_at_the_same_time_all_count(self, open_store: Callable[[], Store]) -> None:
        # Given two processes on one database
        stores = [open_store(), open_store()]
        workflow_id = await recorded(stores[0])

        await asyncio.gather(*(stores[i % 2].workflows.edit(workflow_id, ACCOUNT, add_tag(str(i))) for i in range(20)))

        assert sorted((await load(stores[0], workflow_id)).tags, key=int) == [str(i) for i in range(20)]

    async def test_lists_follow_the_new_tags_and_words(self, store: Store) -> None:
        workflow_id = await recorded(store, tags=["old"], metadata={"title": "castle"})

        await store.workflows.edit(
            workflow_id, ACCOUNT, lambda target: replace(target, tags=("new",), metadata={"title": "harbour"})
        )

        async def finds(filter_: Filter) -> bool:
            found, _ = await store.workflows.page(filter_)
            return [stored.id for stored in found] == [workflow_id]

        assert await finds(Filter(ACCOUNT, tags=("new",), text="HARBOUR"))
        assert not await finds(Filter(ACCOUNT, tags=("old",)))
        assert not await finds(Filter(ACCOUNT, text="castle"))


class TestRefusedEdit:
    async def test_what_a_change_raises_is_raised_and_nothing_changed(self, store: Store) -> None:
        workflow_id = await recorded(store, tags=["a"], metadata={"k": 1})
        before = as_json(await load(store, workflow_id))

        with pytest.raises(NotLiked):
            await store.workflows.edit(workflow_id, ACCOUNT, refuse)

        assert as_json(await load(store, workflow_id)) == before

    async def test_others_of_its_group_are_made(self, store: Store) -> None:
        ids = [await recorded(store) for _ in range(10)]

        outcomes = await asyncio.gather(
            *(
                store.workflows.edit(workflow_id, ACCOUNT, refuse if index % 3 == 0 else add_tag("x"))
                for index, workflow_id in enumerate(ids)
            ),
            return_exceptions=True,
        )

        assert [isinstance(outcome, NotLiked) for outcome in outcomes] == [index % 3 == 0 for index in range(10)]
        assert [(await load(store, workflow_id)).tags for workflow_id in ids] == [
            [] if index % 3 == 0 else ["x"] for index in range(10)
        ]


class TestTwoOwnersOfARow:
    async def test_interleaved_saves_and_edits_do_not_undo_each_other(self, store: Store) -> None:
        # Given an orchestrator whose view of the workflow is from before all edits
        workflow_id = await recorded(store)
        orchestrators = await load(store, workflow_id)

        async def orchestrate() -> None:
            for status in (Status.preparing, Status.scheduled, Status.processing, Status.succeeded):
                orchestrators.status = orchestrators.steps[0].status = status
                await store.workflows.save(orchestrators)

        async def own() -> None:
            for number in range(4):
                await store.workflows.edit(workflow_id, ACCOUNT, add_tag(str(number)))
                await store.workflows.edit_step(workflow_id, ACCOUNT, "say", lambda m: {**m, f"n{len(m)}": True})

        await asyncio.gather(orchestrate(), own())

        document = await load(store, workflow_id)
        assert (document.status, document.steps[0].status) == (Status.succeeded, Status.succeeded)
        assert document.tags == ["0", "1", "2", "3"]
        assert msgspec.json.decode(document.steps[0].metadata) == {"n0": True, "n1": True, "n2": True, "n3": True}

    async def test_a_cancel_asks_and_does_not_decide(self, store: Store) -> None:
        workflow_id = await recorded(store)

        await store.workflows.edit(workflow_id, ACCOUNT, lambda target: replace(target, status="canceled"))

        stored = await store.workflows.load(workflow_id, ACCOUNT)
        assert stored is not None
        assert (stored.cancel_requested, stored.document.status) == (True, Status.unassigned)

    async def test_later_edits_do_not_take_a_cancel_back(self, store: Store) -> None:
        workflow_id = await recorded(store)
        await store.workflows.edit(workflow_id, ACCOUNT, lambda target: replace(target, status="canceled"))

        await store.workflows.edit(workflow_id, ACCOUNT, add_tag("x"))

        stored = await store.workflows.load(workflow_id, ACCOUNT)
        assert stored is not None
        assert stored.cancel_requested


class TestEditStep:
    async def test_the_steps_metadata_is_kept_when_the_orchestrator_saves(self, store: Store) -> None:
        workflow_id = await recorded(store)
        orchestrators = await load(store, workflow_id)

        assert await store.workflows.edit_step(workflow_id, ACCOUNT, "say", lambda _: {"rating": 5}) is True
        await store.workflows.save(orchestrators)

        assert msgspec.json.decode((await load(store, workflow_id)).steps[0].metadata) == {"rating": 5}

    async def test_unknown_steps_and_workflows_are_told_apart(self, store: Store) -> None:
        workflow_id = await recorded(store)

        def nothing(metadata: JsonObject) -> JsonObject:
            return metadata

        assert await store.workflows.edit_step(workflow_id, ACCOUNT, "sing", nothing) is False
        assert await store.workflows.edit_step(workflow_id, "bob", "say", nothing) is None
        assert await store.workflows.edit_step("unknown", ACCOUNT, "say", nothing) is None

    async def test_what_a_change_raises_is_raised(self, store: Store) -> None:
        workflow_id = await recorded(store)

        def refuse_step(_: JsonObject) -> JsonObject:
            raise NotLiked

        with pytest.raises(NotLiked):
            await store.workflows.edit_step(workflow_id, ACCOUNT, "say", refuse_step)

    async def test_a_workflow_that_is_over_can_still_be_edited(self, store: Store) -> None:
        workflow_id = await recorded(store)
        await end(store, workflow_id)

        assert await store.workflows.edit_step(workflow_id, ACCOUNT, "say", lambda _: {"rating": 1}) is True
