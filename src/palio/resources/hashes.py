"""Hashes of the operator's files, kept as long as path, size and time of change stay the same.

They are a cache: a file that cannot be read is begun anew. All of this blocks.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from palio.resources.folders import LocalFile

_TABLES = """
CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS names (air TEXT PRIMARY KEY, sha256 TEXT);
"""


class Hashes:
    """SHA256 of files, and the AIRs whose file was found by it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, file: LocalFile, is_stopped: threading.Event) -> str:
        """The hash of a file, computed if it is not known. Raises OSError, also if stopped: a file may be large."""
        with self._database() as database:
            row = (str(file.path), file.size, file.mtime_ns)
            known = database.execute(_ONE, row).fetchone()
        if known is not None:
            return str(known[0])
        sha256 = _compute(file.path, is_stopped)
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", (*row, sha256))
        return sha256

    def known(self, files: Iterable[LocalFile]) -> dict[Path, str]:
        """The hashes that need not be computed, by path."""
        with self._database() as database:
            rows = {path: (size, mtime_ns, sha256) for path, size, mtime_ns, sha256 in database.execute(_ALL)}
        known: dict[Path, str] = {}
        for file in files:
            size, mtime_ns, sha256 = rows.get(str(file.path), (None, None, ""))
            if (size, mtime_ns) == (file.size, file.mtime_ns):
                known[file.path] = sha256
        return known

    def name(self, key: str, sha256: str) -> None:
        """Remember that an AIR's file is the one with this hash."""
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO names VALUES (?, ?)", (key, sha256))

    def names(self) -> dict[str, str]:
        """Which hash the file of an AIR has."""
        with self._database() as database:
            return dict(database.execute("SELECT air, sha256 FROM names"))

    def forget_others(self, files: Iterable[LocalFile]) -> None:
        """Drop what is known of files that are gone, and the names that led to them."""
        paths = {str(file.path) for file in files}
        with self._database() as database:
            gone = [(path,) for (path,) in database.execute("SELECT path FROM hashes") if path not in paths]
            database.executemany("DELETE FROM hashes WHERE path = ?", gone)
            database.execute("DELETE FROM names WHERE sha256 NOT IN (SELECT sha256 FROM hashes)")

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """One transaction. A connection serves one thread, and these come and go."""
        try:
            connection = self._connected()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in _UNREADABLE:
                raise
            self._file.unlink(missing_ok=True)
            connection = self._connected()
        with closing(connection), connection:
            yield connection

    def _connected(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._file, timeout=30)
        try:
            connection.executescript(_TABLES)
        except BaseException:
            connection.close()
            raise
        return connection


_PIECE = 4 * 1024 * 1024
_UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_ONE = "SELECT sha256 FROM hashes WHERE path = ? AND size = ? AND mtime_ns = ?"
_ALL = "SELECT path, size, mtime_ns, sha256 FROM hashes"


def _compute(path: Path, is_stopped: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while data := stream.read(_PIECE):
            if is_stopped.is_set():
                raise InterruptedError(f"{path} is not hashed any further")
            digest.update(data)
    return digest.hexdigest()
