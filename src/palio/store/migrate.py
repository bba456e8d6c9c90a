"""Bringing a database to the newest migration. Alembic is only loaded when there is something to do."""

from pathlib import Path

from sqlalchemy import inspect, text

from palio.errors import SetupError
from palio.store.database import Database
from palio.store.tables import HEAD


def migrate(database: Database) -> None:
    """Apply every migration that the database lacks."""
    current = _current(database)
    if current == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SetupError(
                f"the database is at migration {current}, which this version of Palio does not know ({error}); "
                "run a newer Palio, or another data folder"
            ) from error


def _current(database: Database) -> str | None:
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return str(version) if version is not None else None
