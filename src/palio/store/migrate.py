"""Bringing a database to the newest migration. Alembic is only loaded when there is something to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from palio.errors import SetupError
from palio.store.database import Database
from palio.store.tables import HEAD


def migrate(database: Database) -> None:
    """Apply every migration that the database lacks. Raises SetupError."""
    if _current(database) == HEAD:
        return
    with _alone(database) as connection:
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SetupError(
            f"the database is at a migration that this version of Palio does not know ({error}); run a newer Palio, "
            "or another data folder"
        ) from error


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A transaction that no other process migrates beside."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            # The driver itself would begin none for CREATE TABLE: a kill would leave half a migration.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        yield connection


def _current(database: Database) -> str | None:
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return str(version) if version is not None else None


_LOCK_KEY = 0x50616C696F
"""Postgres' advisory locks are numbers; this one spells the project's name."""
