"""What processes must not do at the same time, or by halves."""

import asyncio
import sqlite3

import pytest
from sqlalchemy import inspect, text
from tests.integration.store.conftest import Postgres

from palio.errors import SetupError
from palio.store.database import Database
from palio.store.statement import Statement
from palio.store.store import Store


def run(url: str, sql: str) -> None:
    database = Database(url)
    database.apply(lambda transaction: transaction.run(Statement(text(sql)), {}))
    database.close()


def tables(url: str) -> set[str]:
    database = Database(url)
    try:
        return set(inspect(database.engine).get_table_names())
    finally:
        database.close()


def test_a_migration_that_does_not_get_to_its_end_leaves_nothing_behind(empty_url: str) -> None:
    # Given a database in which the last of the tables cannot be made
    run(empty_url, "CREATE TABLE workflow_tags (id TEXT)")

    with pytest.raises(SetupError):
        Store(empty_url)

    # Then the others are not there either, and without the obstacle all are made
    assert tables(empty_url) == {"workflow_tags"}
    run(empty_url, "DROP TABLE workflow_tags")
    Store(empty_url).close()


def test_a_postgres_database_is_for_one_server_until_that_is_gone(postgres: Postgres) -> None:
    url = postgres.cleared()
    first, second = Database(url), Database(url)

    assert first.reserve()
    assert not second.reserve()
    first.close()
    second.close()

    third = Database(url)
    assert third.reserve()
    third.close()


async def test_a_writer_that_cannot_connect_fails_its_callers_and_not_those_after(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_files() -> None:
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(store.database.engine, "raw_connection", no_more_files)
        async with asyncio.timeout(5):
            with pytest.raises(sqlite3.OperationalError):
                await store.files.forget("none")

    async with asyncio.timeout(5):
        await store.files.forget("none")
