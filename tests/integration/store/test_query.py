"""Lists of an account's workflows: filters, and pages that are cut by key."""

from datetime import timedelta

import pytest
from tests.integration.store.documents import ACCOUNT, NOON, end, record, recorded, workflow

from palio.contract.json import Json
from palio.contract.query import Cursor
from palio.contract.status import Status
from palio.store.store import Store
from palio.store.workflows import Filter


async def ids(store: Store, filter_: Filter) -> list[str]:
    found, _ = await store.workflows.page(filter_)
    return [stored.id for stored in found]


class TestFilters:
    async def test_only_an_accounts_own_visible_workflows_are_listed_newest_first(self, store: Store) -> None:
        first, second = await recorded(store, 1), await recorded(store, 2)
        await recorded(store, 3, account="bob")
        await store.workflows.delete(await recorded(store, 4), ACCOUNT)
        await end(store, await recorded(store, 5, ephemeral=True))
        fleeting = await recorded(store, 6, ephemeral=True)

        assert await ids(store, Filter(ACCOUNT)) == [fleeting, second, first]
        assert await ids(store, Filter(ACCOUNT, ascending=True)) == [first, second, fleeting]

    async def test_a_workflow_needs_all_tags(self, store: Store) -> None:
        both = await recorded(store, 1, tags=["cat", 'it\'s "100%" _ünique_'])
        one = await recorded(store, 2, tags=["cat"])
        await recorded(store, 3, tags=["catalogue", "Cat"])

        assert await ids(store, Filter(ACCOUNT, tags=("cat",))) == [one, both]
        assert await ids(store, Filter(ACCOUNT, tags=("cat", 'it\'s "100%" _ünique_'))) == [both]
        assert await ids(store, Filter(ACCOUNT, tags=("cat", "x' OR '1'='1"))) == []

    async def test_by_status(self, store: Store) -> None:
        running = await recorded(store, 1)
        ended = {status: await recorded(store, 2) for status in Status if status.is_final}
        for status, workflow_id in ended.items():
            await end(store, workflow_id, status)

        assert await ids(store, Filter(ACCOUNT, status=Status.unassigned)) == [running]
        assert await ids(store, Filter(ACCOUNT, status=Status.expired)) == [ended[Status.expired]]
        assert await ids(store, Filter(ACCOUNT, exclude_failed=True)) == [ended[Status.succeeded], running]

    async def test_by_instants_that_count_themselves(self, store: Store) -> None:
        first, second, third = [await recorded(store, minute) for minute in (1, 2, 3)]
        since, until = NOON + timedelta(minutes=2), NOON + timedelta(minutes=2)

        assert await ids(store, Filter(ACCOUNT, since=since)) == [third, second]
        assert await ids(store, Filter(ACCOUNT, until=until)) == [second, first]
        assert await ids(store, Filter(ACCOUNT, since=since, until=until)) == [second]
        assert await ids(store, Filter(ACCOUNT, since=since, until=until - timedelta(microseconds=1))) == []


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            "castle",
            "CASTLE",
            "ÜBER",
            "über dem",
            "日本",
            "ÉTÉ",
            "🏰",
            "100%",
            "snake_case",
            "it's",
            'a "quoted" word',
            "back\\slash",
            "a/b",
            "42",
            "deep inside",
        ],
    )
    async def test_words_of_the_metadata_are_found_in_any_case(self, store: Store, text: str) -> None:
        metadata: Json = {
            "title": "A Castle über dem Meer, Été, 日本 🏰",
            "marks": ["100% snake_case", 'It\'s a "quoted" word', "back\\slash a/b", 42],
            "deep": {"deeper": [{"deepest": "Deep Inside"}]},
        }
        found = await recorded(store, metadata=metadata)
        await recorded(store, metadata={"title": "100 snakes case"})

        assert await ids(store, Filter(ACCOUNT, text=text)) == [found]

    @pytest.mark.parametrize(
        "text", ["%", "_", "a%e", "c_stle", "title", "/", "\\", "'; DROP TABLE workflows; --", "\0"]
    )
    async def test_wildcards_keys_and_sql_mean_nothing(self, store: Store, text: str) -> None:
        await recorded(store, metadata={"title": "castle"})

        assert await ids(store, Filter(ACCOUNT, text=text)) == []


class TestPages:
    async def collect(self, store: Store, ascending: bool) -> list[str]:
        """All ids, page by page, while each page adds a workflow at either end and deletes one that was seen."""
        seen: list[str] = []
        after: Cursor | None = None
        for number in range(1, 20):
            page, after = await store.workflows.page(Filter(ACCOUNT, take=3, after=after, ascending=ascending))
            seen += [stored.id for stored in page]
            await recorded(store, 1000 + number if not ascending else -1000 - number)
            await store.workflows.delete(seen[-1], ACCOUNT)
            if after is None:
                return seen
        raise AssertionError("the pages do not end")

    @pytest.mark.parametrize("ascending", [False, True])
    async def test_they_neither_repeat_nor_miss_while_rows_come_and_go(self, store: Store, ascending: bool) -> None:
        # Given workflows of which several were made at the same instant
        made = [await recorded(store, minute) for minute in (1, 2, 2, 2, 2, 3, 4, 4, 5, 6)]

        seen = await self.collect(store, ascending)

        assert sorted(seen) == sorted(made)

    async def test_a_workflow_deleted_before_its_page_is_not_on_it(self, store: Store) -> None:
        first, second, third = [await recorded(store, minute) for minute in (1, 2, 3)]
        _, after = await store.workflows.page(Filter(ACCOUNT, take=1))

        # When the row that the cursor names, and one that it does not, are gone
        await store.workflows.delete(third, ACCOUNT)
        await store.workflows.delete(second, ACCOUNT)

        assert await ids(store, Filter(ACCOUNT, take=1, after=after)) == [first]

    async def test_the_last_page_has_no_cursor_also_when_it_is_full(self, store: Store) -> None:
        for minute in range(4):
            await recorded(store, minute)

        page, after = await store.workflows.page(Filter(ACCOUNT, take=4))

        assert (len(page), after) == (4, None)

    async def test_filters_hold_across_pages(self, store: Store) -> None:
        wanted = [await recorded(store, minute, tags=["x"] if minute % 2 else []) for minute in range(8)][1::2]

        first, after = await store.workflows.page(Filter(ACCOUNT, take=2, tags=("x",), ascending=True))
        second, end_ = await store.workflows.page(Filter(ACCOUNT, take=2, after=after, tags=("x",), ascending=True))

        assert [stored.id for stored in (*first, *second)] == wanted
        assert end_ is None

    async def test_prices_that_are_remembered_are_listed_as_their_account_asked_for_them(self, store: Store) -> None:
        price = (await record(store, workflow(externalId="how-much"), whatif=True)).stored

        [stored], _ = await store.workflows.page(Filter(ACCOUNT))

        assert (stored.id, stored.whatif) == (price.id, True)
