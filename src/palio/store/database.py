"""A database: SQLite in the data folder, or Postgres by URL.

All writes go through one queue that groups whatever is waiting into one transaction, so that the cost of making
writes durable is shared by everything in flight. On SQLite the statements themselves run on the event loop, a few
microseconds each, and only the commit, which waits for the disk, runs on a thread: handing every statement's
interpreter lock back and forth between two threads costs many times the statement
(`docs/decisions/0003-group-commit.md`). On Postgres the whole transaction runs on the thread.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from palio.errors import SetupError
from palio.store.statement import Cursor, Row, Statement, Value

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_GROUP = 512
"""How many changes share one transaction at most."""

BUSY_SECONDS = 10.0
"""How long another process may keep the database locked before a write fails."""

_RETRY_SECONDS = 0.005

_RESERVATION = 0x736572766572
"""Postgres' advisory locks are numbers; this one spells `server`."""


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
"""A change reads and writes through the transaction and returns what its caller waits for.

It does nothing else, as it may be run again from the start when another change of its group failed.
"""

Sync: TypeAlias = Callable[[], None]
"""Makes something outside the database durable. Blocks, and runs on the thread that commits, before the commit."""


@dataclass(slots=True)
class _Waiting:
    """A change that is to be made, and who waits for it."""

    change: Change[object]
    sync: Sync | None
    future: "asyncio.Future[object]"
    outcome: object = field(default=None)


class _Failure:
    """The outcome of a change that raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Database:
    """Connections to one database. `write` belongs to one event loop; `apply` to no loop at all."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._reader = self.engine.raw_connection() if self.is_sqlite else None
        self._writer: PoolProxiedConnection | None = None
        self._reservation: PoolProxiedConnection | None = None
        self._waiting: list[_Waiting] = []
        self._is_writing = False
        self._locked_since: float | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="palio-commit")

    async def write(self, change: Change[T], sync: Sync | None = None) -> T:
        """Make a change durable; returns once it is. `sync` is done before the change is committed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        self._waiting.append(_Waiting(change, sync, future))
        if not self._is_writing:
            self._is_writing = True
            # Not at once: whatever else this turn of the loop wants to write joins the group.
            loop.call_soon(self._write_group, loop)
        return cast(T, await future)

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
        """Run one change here and now in a transaction of its own; for commands and threads."""
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

    def reserve(self) -> bool:
        """Keep a Postgres database for this process until it is closed; False if another process has it."""
        connection = self._reservation = self.engine.raw_connection()
        cursor = cast(Cursor, connection.cursor())
        cursor.execute("SELECT pg_try_advisory_lock(%(key)s)", {"key": _RESERVATION})
        row = cursor.fetchone()
        connection.commit()  # The lock is the session's; an open transaction would only keep old rows from being freed.
        return row is not None and bool(row[0])

    def close(self) -> None:
        """Finish what is waiting, then let go of all connections. The event loop has ended."""
        self._thread.shutdown()
        while self._waiting:
            self._write_one_by_one(self._next_group())
        for connection in (self._reader, self._writer, self._reservation):
            if connection is not None:
                connection.close()
        self.engine.dispose()

    def _next_group(self) -> list[_Waiting]:
        group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        return group

    def _write_group(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.is_sqlite:
            begun = self._begin(loop)
            if begun is None:
                return
            writer, cursor = begun
            group = self._next_group()
            commit = partial(self._commit, writer, group, self._run_changes(cursor, group))
        else:
            group = self._next_group()
            commit = partial(self._run_and_commit, group)
        done = loop.run_in_executor(self._thread, commit)
        done.add_done_callback(lambda done: self._settle(group, loop, done.exception()))

    def _connect_writer(self) -> PoolProxiedConnection:
        connection = self.engine.raw_connection()
        connection.cursor().execute("PRAGMA busy_timeout=0")
        return connection

    def _begin(self, loop: asyncio.AbstractEventLoop) -> tuple[PoolProxiedConnection, Cursor] | None:
        """The database locked for us; None, and a later try, while another process has it."""
        try:
            writer = self._writer = self._writer or self._connect_writer()
            cursor = cast(Cursor, writer.cursor())
            cursor.execute("BEGIN IMMEDIATE", {})
        except Exception as error:
            self._locked_since = self._locked_since or loop.time()
            is_locked = isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
            if is_locked and loop.time() - self._locked_since < BUSY_SECONDS:
                loop.call_later(_RETRY_SECONDS, self._write_group, loop)
            else:
                self._locked_since = None
                self._settle(self._next_group(), loop, error)
            return None
        self._locked_since = None
        return writer, cursor

    def _run_changes(self, cursor: Cursor, group: Sequence[_Waiting]) -> bool:
        """Run all changes in the open transaction; False if one failed, and with it the transaction."""
        transaction = Transaction(self, cursor)
        try:
            for waiting in group:
                waiting.outcome = waiting.change(transaction)
        except Exception:
            return False
        return True

    def _commit(self, writer: PoolProxiedConnection, group: Sequence[_Waiting], is_complete: bool) -> None:
        """On the thread: sync and commit what `_run_changes` left open on SQLite."""
        try:
            if is_complete:
                _sync_all(group)
                writer.commit()
                return
        except Exception:
            log.warning("a group of %d changes could not be committed; trying one by one", len(group), exc_info=True)
        writer.rollback()
        self._write_one_by_one(group)

    def _run_and_commit(self, group: Sequence[_Waiting]) -> None:
        """On the thread: the whole transaction."""
        try:
            with closing(self.engine.raw_connection()) as connection:
                if self._run_changes(cast(Cursor, connection.cursor()), group):
                    _sync_all(group)
                    connection.commit()
                    return
        except Exception:
            log.warning("a group of %d changes could not be committed; trying one by one", len(group), exc_info=True)
        self._write_one_by_one(group)

    def _write_one_by_one(self, group: Sequence[_Waiting]) -> None:
        """A transaction for each change: the one that cannot be made then fails alone."""
        for waiting in group:
            try:
                _sync_all([waiting])
                waiting.outcome = self.apply(waiting.change)
            except Exception as error:
                waiting.outcome = _Failure(error)

    def _settle(self, group: Sequence[_Waiting], loop: asyncio.AbstractEventLoop, error: BaseException | None) -> None:
        """Tell everyone in a group what came of it: what each change returned, or the one error of all."""
        for waiting in group:
            if waiting.future.done():
                continue
            if error is not None:
                waiting.future.set_exception(error)
            elif isinstance(waiting.outcome, _Failure):
                waiting.future.set_exception(waiting.outcome.error)
            else:
                waiting.future.set_result(waiting.outcome)
        self._is_writing = bool(self._waiting)
        if self._is_writing:
            loop.call_soon(self._write_group, loop)


def sqlite_url(data: Path) -> str:
    """The URL of the database in a data folder."""
    return f"sqlite:///{data / 'palio.db'}"


def _sync_all(group: Sequence[_Waiting]) -> None:
    for waiting in group:
        if waiting.sync is not None:
            waiting.sync()


def _engine(url: str) -> Engine:
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    if url.startswith("postgresql+psycopg://"):
        return create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True)
    if not url.startswith("sqlite:"):
        raise SetupError(f"database_url {url.split('@')[-1]!r} is neither sqlite:///... nor postgresql://...")
    engine = create_engine(
        url,
        paramstyle="named",
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        max_overflow=16,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # WAL lets readers go on while the writer commits; FULL makes every commit survive a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
