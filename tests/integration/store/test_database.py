"""One writer for everybody: what waits together is made durable together, and fails alone."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import bindparam, insert, select, text
from tests.integration.store.conftest import Postgres

from palio.store.database import Change, Database, Transaction
from palio.store.statement import Statement, Value
from palio.store.store import Store
from palio.store.tables import tokens

INSERT = Statement(insert(tokens))
NAMES = Statement(select(tokens.c.name).order_by(tokens.c.name))
LOCK = Statement(text("LOCK TABLE tokens IN EXCLUSIVE MODE"))
NONSENSE = Statement(text("SELECT missing FROM nowhere"))
BY_NAME = Statement(select(tokens.c.id).where(tokens.c.name == bindparam("key")))


def keep(name: str, hash_: str | None = None) -> Change[str]:
    """A change that inserts a token and gives back its name; a hash that is taken cannot be inserted."""
    row: dict[str, Value] = {
        "id": name,
        "name": name,
        "hash": hash_ or name,
        "created_at": 0,
        "operator": False,
        "revoked_at": None,
    }

    def change(transaction: Transaction) -> str:
        transaction.run(INSERT, row)
        return name

    return change


def fail(_: Transaction) -> str:
    raise LookupError("no such thing")


async def names(database: Database) -> list[str]:
    rows = await database.query(lambda transaction: transaction.all(NAMES, {}))
    return [str(name) for (name,) in rows]


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another process is writing to the table for as long as the block runs."""
    held, release = threading.Event(), threading.Event()

    def hold(transaction: Transaction) -> None:
        if not database.is_sqlite:
            transaction.run(LOCK, {})
        held.set()
        release.wait(10)

    thread = threading.Thread(target=database.apply, args=(hold,))
    thread.start()
    held.wait(10)
    try:
        yield
    finally:
        release.set()
        thread.join()


async def test_every_caller_of_a_group_gets_its_own_result(store: Store) -> None:
    written = await asyncio.gather(*(store.database.write(keep(f"t{number:04}")) for number in range(1200)))

    assert written == [f"t{number:04}" for number in range(1200)]
    assert await names(store.database) == written


async def test_a_change_that_raises_fails_alone(store: Store) -> None:
    changes = [keep("a"), fail, keep("b")]

    first, failed, last = await asyncio.gather(*map(store.database.write, changes), return_exceptions=True)

    assert (first, last) == ("a", "b")
    assert isinstance(failed, LookupError)
    assert await names(store.database) == ["a", "b"]


async def test_a_change_that_the_database_refuses_fails_alone(store: Store) -> None:
    await store.database.write(keep("first", "taken"))
    changes = [keep("a"), keep("second", "taken"), keep("b")]

    first, failed, last = await asyncio.gather(*map(store.database.write, changes), return_exceptions=True)

    assert (first, last) == ("a", "b")
    assert isinstance(failed, Exception)
    assert await names(store.database) == ["a", "b", "first"]


async def test_half_of_a_failed_change_is_not_kept(store: Store) -> None:
    def half(transaction: Transaction) -> None:
        keep("half")(transaction)
        fail(transaction)

    with pytest.raises(LookupError):
        await store.database.write(half)

    assert await names(store.database) == []


async def test_a_caller_that_gives_up_does_not_stop_the_others(store: Store) -> None:
    writing = [asyncio.ensure_future(store.database.write(keep(name))) for name in "abc"]
    await asyncio.sleep(0)
    writing[1].cancel()

    assert [await writing[0], await writing[2]] == ["a", "c"]


async def test_what_is_written_is_read_at_once(store: Store) -> None:
    for number in range(20):
        await store.database.write(keep(f"t{number}"))

        assert await store.database.read(BY_NAME, {"key": f"t{number}"}) == (f"t{number}",)


async def test_a_write_waits_for_another_process_and_reads_do_not(store: Store) -> None:
    await store.database.write(keep("a"))

    with locked(store.database):
        writing = asyncio.ensure_future(store.database.write(keep("b")))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(2):
            assert await names(store.database) == ["a"]
            assert await store.database.read(BY_NAME, {"key": "a"}) == ("a",)
        assert not writing.done()

    assert await writing == "b"
    assert await names(store.database) == ["a", "b"]


def test_closing_finishes_what_waits(url: str) -> None:
    store = Store(url)

    async def stop_in_the_middle() -> None:
        for number in range(50):
            task = asyncio.ensure_future(store.database.write(keep(f"t{number}")))
            await asyncio.sleep(0.001 if number == 25 else 0)
        task.cancel()

    asyncio.run(stop_in_the_middle())
    store.close()

    again = Store(url)
    assert len(asyncio.run(names(again.database))) == 50
    again.close()


async def test_a_statement_that_cannot_be_run_does_not_spoil_the_next(store: Store) -> None:
    with pytest.raises(Exception, match="nowhere"):
        await store.database.query(lambda transaction: transaction.all(NONSENSE, {}))

    assert await names(store.database) == []


async def test_a_write_to_a_server_that_went_away_fails_and_works_again_when_it_is_back(postgres: Postgres) -> None:
    store = Store(postgres.empty())
    await store.database.write(keep("a"))

    with (
        postgres.unreachable(store.database.engine.url.database or ""),
        pytest.raises(Exception, match=r"connect|terminat"),
    ):
        await store.database.write(keep("b"))

    assert await store.database.write(keep("c")) == "c"
    assert await names(store.database) == ["a", "c"]
    store.close()


async def test_what_has_to_be_durable_with_a_change_is_so_before_it(store: Store) -> None:
    done: list[str] = []

    def sync() -> None:
        done.append("synced")

    assert await store.database.write(keep("a"), sync) == "a"
    assert done == ["synced"]


async def test_a_change_whose_companion_cannot_be_made_durable_fails_alone(store: Store) -> None:
    def sync() -> None:
        raise OSError("disk full")

    first, failed, last = await asyncio.gather(
        store.database.write(keep("a")),
        store.database.write(keep("b"), sync),
        store.database.write(keep("c")),
        return_exceptions=True,
    )

    assert (first, last) == ("a", "c")
    assert isinstance(failed, OSError)
    assert await names(store.database) == ["a", "c"]
