"""Migrations build exactly the tables that the code works with."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from tests.conftest import PALIO, environment
from tests.integration.store.documents import load, recorded

from palio.errors import SetupError
from palio.store.database import Database
from palio.store.store import Store
from palio.store.tables import HEAD, metadata


def look(url: str, at: Callable[[Connection], object]) -> object:
    """What `at` finds in a database."""
    database = Database(url)
    try:
        with database.engine.begin() as connection:
            return at(connection)
    finally:
        database.close()


def partial_indexes(connection: Connection) -> dict[str, str]:
    """The conditions of indexes, which Alembic does not compare."""
    return {
        str(index["name"]): str(condition).strip("()").removesuffix("::text").lower()
        for table in metadata.tables
        for index in inspect(connection).get_indexes(table)
        for key, condition in index.get("dialect_options", {}).items()
        if key.endswith("_where")
    }


def test_migrations_leave_nothing_to_do(empty_url: str) -> None:
    Store(empty_url).close()

    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert look(empty_url, differences) == []


def test_indexes_that_cover_some_rows_cover_the_right_ones(empty_url: str) -> None:
    Store(empty_url).close()

    assert look(empty_url, partial_indexes) == {
        "ix_attempts_winner": "status = 'succeeded'",
        "ix_workflows_external_id": "external_id is not null",
        "ix_workflows_unfinished": "completed_at is null",
    }


async def test_migrating_again_changes_nothing(empty_url: str) -> None:
    first = Store(empty_url)
    workflow_id = await recorded(first)
    first.close()

    second = Store(empty_url)

    assert (await load(second, workflow_id)).id == workflow_id
    second.close()
    assert look(empty_url, lambda connection: connection.scalars(text("SELECT * FROM alembic_version")).all()) == [HEAD]


def test_processes_that_start_together_on_a_new_database_all_start(empty_url: str, tmp_path: Path) -> None:
    database = {} if empty_url.startswith("sqlite") else {"PALIO_DATABASE_URL": empty_url}
    command = [*PALIO, "token", "list", "--data", str(tmp_path)]

    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**database))
        for _ in range(4)
    ]

    said = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], "\n".join(said)


def test_a_database_of_a_newer_palio_is_refused_and_left_alone(empty_url: str) -> None:
    Store(empty_url).close()
    look(empty_url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))

    with pytest.raises(SetupError, match=r"9999.*newer Palio"):
        Store(empty_url)

    assert look(empty_url, lambda connection: connection.scalar(text("SELECT version_num FROM alembic_version"))) == (
        "9999"
    )


def test_a_url_that_is_neither_is_refused_without_showing_its_password() -> None:
    with pytest.raises(SetupError, match=r"neither sqlite.* nor postgresql") as raised:
        Store("mysql://ann:secret@localhost/palio")

    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "palio.db"
    file.write_text("This is a letter to my grandmother. " * 100)

    with pytest.raises(SetupError):
        Store(f"sqlite:///{file}")


def test_a_database_that_does_not_answer_is_refused() -> None:
    with pytest.raises(SetupError):
        Store("postgresql://ann:secret@127.0.0.1:1/palio")
