"""Records of the files in the blob store: whose they are, what they are, until when they are kept."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from palio.contract.instant import from_micros, to_micros
from palio.store.database import Database, Sync, Transaction
from palio.store.statement import Row, Statement, Value, insert_unless_there
from palio.store.tables import blobs


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A blob. `width` and `height` are pixels, `size` bytes.

    `data` is given when a small blob is recorded: it lies in the database then, and not in the object store.
    """

    id: str
    account: str
    media_type: str
    size: int
    created_at: datetime
    expires_at: datetime
    workflow_id: str | None = None
    job_id: str | None = None
    width: int | None = None
    height: int | None = None
    nsfw_level: str | None = None
    data: bytes | None = None


class Files:
    """The table of blobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, blob_id: str) -> KeptFile | None:
        """The record of a file that is there."""
        row = await self._database.read(_BY_ID, {"key": blob_id})
        return _file(row) if row is not None else None

    async def data(self, blob_id: str) -> bytes | None:
        """The bytes of a small blob; None if they are in the object store, or nowhere."""
        row = await self._database.read(_DATA, {"key": blob_id})
        return bytes(row[0]) if row is not None and isinstance(row[0], (bytes, memoryview)) else None

    async def keep(self, file: KeptFile, sync: Sync | None) -> None:
        """Record a file that is not the work of a job; `sync` makes its bytes durable."""
        await self._database.write(lambda transaction: write_file(transaction, file), sync)

    async def prolong(self, blob_id: str, expires_at: datetime) -> None:
        """Keep a file longer."""
        parameters: dict[str, Value] = {"key": blob_id, "new_expires_at": to_micros(expires_at)}
        await self._database.write(lambda transaction: transaction.run(_PROLONG, parameters))

    async def expired(self, at: datetime, limit: int = 500) -> list[str]:
        """Ids of files whose time has passed."""
        parameters = {"before": to_micros(at), "at_most": limit}
        rows = await self._database.query(lambda transaction: transaction.all(_EXPIRED, parameters))
        return [str(row[0]) for row in rows]

    async def forget(self, blob_id: str) -> None:
        """Drop the record of a file."""
        await self._database.write(lambda transaction: transaction.run(_FORGET, {"key": blob_id}))


def write_file(transaction: Transaction, file: KeptFile) -> None:
    """Record a file as part of a larger change."""
    parameters: dict[str, Value] = {
        "id": file.id,
        "account": file.account,
        "workflow_id": file.workflow_id,
        "job_id": file.job_id,
        "media_type": file.media_type,
        "size": file.size,
        "width": file.width,
        "height": file.height,
        "nsfw_level": file.nsfw_level,
        "created_at": to_micros(file.created_at),
        "expires_at": to_micros(file.expires_at),
        "data": file.data,
    }
    transaction.run(_INSERT, parameters)


def _file(row: Row) -> KeptFile:
    id_, account, workflow_id, job_id, media_type, size, width, height, nsfw_level, created_at, expires_at = row
    return KeptFile(
        id=str(id_),
        account=str(account),
        media_type=str(media_type),
        size=int(size or 0),
        created_at=from_micros(int(created_at or 0)),
        expires_at=from_micros(int(expires_at or 0)),
        workflow_id=None if workflow_id is None else str(workflow_id),
        job_id=None if job_id is None else str(job_id),
        width=None if width is None else int(width),
        height=None if height is None else int(height),
        nsfw_level=None if nsfw_level is None else str(nsfw_level),
    )


_KEY = blobs.c.id == bindparam("key")
_INSERT = insert_unless_there(blobs)
_BY_ID = Statement(select(*(column for column in blobs.c if column.name != "data")).where(_KEY))
_DATA = Statement(select(blobs.c.data).where(_KEY))
_PROLONG = Statement(update(blobs).where(_KEY).values(expires_at=bindparam("new_expires_at")))
_EXPIRED = Statement(select(blobs.c.id).where(blobs.c.expires_at < bindparam("before")).limit(bindparam("at_most")))
_FORGET = Statement(delete(blobs).where(_KEY))
