"""Statements written in SQLAlchemy Core and compiled once, then handed to the driver as text.

Going through SQLAlchemy for every execution costs several times what SQLite needs for the statement itself
(`docs/decisions/0002-compiled-statements.md`), and every workflow needs about eight of them.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ClauseElement

Value: TypeAlias = bool | int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]


class Cursor(Protocol):
    """What is used of a DBAPI cursor."""

    rowcount: int

    def execute(self, sql: str, parameters: Mapping[str, Value], /) -> object: ...
    def fetchone(self) -> Row | None: ...
    def fetchall(self) -> list[Row]: ...


class Statement:
    """A statement with named parameters, compiled for a dialect on first use."""

    def __init__(self, build: ClauseElement | Callable[[str], ClauseElement]) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, dict[str, Value]]] = {}

    def execute(self, cursor: Cursor, dialect: Dialect, parameters: Mapping[str, Value]) -> Cursor:
        """Run on `cursor` and return it."""
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        sql, constants = compiled
        cursor.execute(sql, {**constants, **parameters} if constants else parameters)
        return cursor

    def _compile(self, dialect: Dialect) -> tuple[str, dict[str, Value]]:
        element = self._build if isinstance(self._build, ClauseElement) else self._build(dialect.name)
        compiled = element.compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._compiled[dialect.name] = (str(compiled), constants)
        return self._compiled[dialect.name]


def insert_unless_there(table: Table) -> Statement:
    """An insert of a whole row that does nothing when its key is taken."""

    def build(dialect: str) -> ClauseElement:
        insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
        return insert(table).on_conflict_do_nothing()

    return Statement(build)
