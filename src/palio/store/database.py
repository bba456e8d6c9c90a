"""A database: SQLite in the data folder, or Postgres by URL. One writer, many readers.

All writes go through one thread that groups whatever is waiting into one transaction, so the cost of making
writes durable is shared by everything in flight. Reads of single rows are answered where they are asked on
SQLite (about 10 µs, less than handing them to a thread) and on a thread on Postgres.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from palio.errors import SetupError
from palio.store.statement import Cursor, Row, Statement, Value

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_GROUP = 512
"""How many changes share one transaction at most."""


class Transaction:
    """What a change may do while it has the database to itself."""

    def __init__(self, database: "Database", cursor: Cursor) -> None:
        self._dialect = database.engine.dialect
        self._cursor = cursor

    def run(self, statement: Statement, parameters: Mapping[str, Value]) -> int:
        """Execute and return how many rows were changed."""
        return statement.execute(self._cursor, self._dialect, parameters).rowcount

    def one(self, statement: Statement, parameters: Mapping[str, Value]) -> Row | None:
        """Execute and return the first row."""
        return statement.execute(self._cursor, self._dialect, parameters).fetchone()

    def all(self, statement: Statement, parameters: Mapping[str, Value]) -> list[Row]:
        """Execute and return every row."""
        return statement.execute(self._cursor, self._dialect, parameters).fetchall()


Change = Callable[[Transaction], T]
"""A change reads and writes through the transaction and returns what its caller waits for. It may be run again
from the start when another change of its group failed, so it does nothing but that."""


class Database:
    """Connections to one database, and the thread that writes."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._changes: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._reader = self.engine.raw_connection() if self.is_sqlite else None
        self._thread = threading.Thread(target=self._write_until_closed, name="palio-writer", daemon=True)
        self._thread.start()

    async def write(self, change: Change[T]) -> T:
        """Make a change durable; returns once it is."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._changes.put(_Waiting(change, cast("asyncio.Future[object]", future), loop))
        return await future

    async def read(self, statement: Statement, parameters: Mapping[str, Value]) -> Row | None:
        """The first row of a statement that finds its row by a key."""
        if self._reader is not None:
            cursor = cast(Cursor, self._reader.cursor())
            return statement.execute(cursor, self.engine.dialect, parameters).fetchone()
        return await self.query(lambda transaction: transaction.one(statement, parameters))

    async def query(self, change: Change[T]) -> T:
        """Run a change that only reads on a thread, in a transaction of its own."""
        return await asyncio.to_thread(self.apply, change, writes=False)

    def apply(self, change: Change[T], *, writes: bool = True) -> T:
        """Run one change here and now in a transaction of its own; for threads that have no event loop."""
        connection = self.engine.raw_connection()
        try:
            cursor = cast(Cursor, connection.cursor())
            if self.is_sqlite and writes:
                # Taking the lock first: a read that turns into a write may not wait for another process's write.
                cursor.execute("BEGIN IMMEDIATE", {})
            result = change(Transaction(self, cursor))
            connection.commit()
            return result
        finally:
            connection.close()

    def close(self) -> None:
        """Finish what is waiting, then let go of all connections."""
        self._changes.put(None)
        self._thread.join()
        if self._reader is not None:
            self._reader.close()
        self.engine.dispose()

    def _write_until_closed(self) -> None:
        open_ = True
        while open_:
            group: list[_Waiting] = []
            waiting = self._changes.get()
            while waiting is not None:
                group.append(waiting)
                if len(group) == MAX_GROUP or self._changes.empty():
                    break
                waiting = self._changes.get()
            open_ = waiting is not None
            if group:
                self._write_group(group)

    def _write_group(self, group: list["_Waiting"]) -> None:
        try:
            outcomes: list[Outcome] = list(self.apply_all([waiting.change for waiting in group]))
        except Exception:
            # One change of the group cannot be made: each gets a transaction of its own, so only that one fails.
            outcomes = [self._attempt(waiting.change) for waiting in group]
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[object], Outcome]]] = {}
        for waiting, outcome in zip(group, outcomes, strict=True):
            by_loop.setdefault(waiting.loop, []).append((waiting.future, outcome))
        for loop, settled in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle, settled)
            except RuntimeError:
                log.debug("a change was made after its event loop had closed")

    def apply_all(self, changes: list[Change[object]]) -> list[object]:
        """Run several changes in one transaction."""
        return self.apply(lambda transaction: [change(transaction) for change in changes])

    def _attempt(self, change: Change[object]) -> "Outcome":
        try:
            return self.apply(change)
        except Exception as error:
            return _Failure(error)


class _Waiting:
    __slots__ = ("change", "future", "loop")

    def __init__(self, change: Change[object], future: asyncio.Future[object], loop: asyncio.AbstractEventLoop) -> None:
        self.change = change
        self.future = future
        self.loop = loop


class _Failure:
    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


Outcome = object


def _settle(settled: list[tuple["asyncio.Future[object]", Outcome]]) -> None:
    for future, outcome in settled:
        if future.done():
            continue
        if isinstance(outcome, _Failure):
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)


def sqlite_url(data: Path) -> str:
    """The URL of the database in a data folder."""
    return f"sqlite:///{data / 'palio.db'}"


def _engine(url: str) -> Engine:
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    if url.startswith("postgresql+psycopg://"):
        return create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True)
    if not url.startswith("sqlite:"):
        raise SetupError(f"database_url {url.split('@')[-1]!r} is neither sqlite:///... nor postgresql://...")
    engine = create_engine(
        url, paramstyle="named", connect_args={"check_same_thread": False, "timeout": 10}, max_overflow=16
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # WAL lets readers go on while the writer commits; FULL makes every commit survive a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
