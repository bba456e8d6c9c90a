"""Who runs which job, and what every run came to: the attempts.

An attempt is a job, a provider and a fence, and no two attempts have the same job and fence: who inserts the next
fence of a job has claimed it, in one compare-and-set, and the attempt is on record before the provider is called.
It is saved together with the workflow's state.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, select, update

from palio.contract.document import Workflow
from palio.contract.instant import from_micros, now, to_micros
from palio.store.database import Database, Sync, Transaction
from palio.store.files import KeptFile, write_file
from palio.store.statement import Row, Statement, Value, insert_unless_there
from palio.store.tables import attempts
from palio.store.workflows import SAVE, saved


class AttemptStatus(StrEnum):
    """How far an attempt has come; all but the first two are final."""

    claimed = "claimed"
    accepted = "accepted"
    succeeded = "succeeded"
    failed = "failed"
    canceled = "canceled"
    lost = "lost"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One provider's run of one job. Costs are USD; None is unknown, never free."""

    id: str
    workflow_id: str
    job_id: str
    provider: str
    fence: int
    started_at: datetime
    quoted: float | None = None
    status: AttemptStatus = AttemptStatus.claimed
    handle: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the run may still be going on."""
        return self.status in (AttemptStatus.claimed, AttemptStatus.accepted)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended: `error` is the class of the failure, `detail` a sentence about it."""

    status: AttemptStatus
    error: str | None = None
    detail: str | None = None
    settled: float | None = None


class Ledger:
    """The table of attempts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, attempt: Attempt, lease_until: datetime, document: Workflow) -> bool:
        """Win a job for a provider, open its attempt and save the workflow; False, and nothing done, if lost."""
        row = _row(attempt, lease_until)
        workflow = saved(document)

        def change(transaction: Transaction) -> bool:
            won = transaction.run(_CLAIM, row) == 1
            if won:
                transaction.run(SAVE, workflow)
            return won

        return await self._database.write(change)

    async def accepted(self, attempt_id: str, handle: str) -> None:
        """Keep what the provider gave us to find the work again."""
        parameters = {"key": attempt_id, "new_handle": handle}
        await self._database.write(lambda transaction: transaction.run(_ACCEPT, parameters))

    async def settle(
        self,
        attempt_id: str,
        settlement: Settlement,
        document: Workflow | None = None,
        file: KeptFile | None = None,
        sync: Sync | None = None,
    ) -> None:
        """Close an attempt; with it, keep the file it made, whose bytes `sync` makes durable, and the state."""
        parameters: dict[str, Value] = {
            "key": attempt_id,
            "new_status": settlement.status.value,
            "new_completed_at": to_micros(now()),
            "new_error": settlement.error,
            "new_detail": None if settlement.detail is None else storable(settlement.detail),
            "new_settled": settlement.settled,
        }
        workflow = saved(document) if document is not None else None

        def change(transaction: Transaction) -> None:
            transaction.run(_SETTLE, parameters)
            if file is not None:
                write_file(transaction, file)
            if workflow is not None:
                transaction.run(SAVE, workflow)

        await self._database.write(change, sync)

    async def attempts(self, workflow_id: str) -> list[Attempt]:
        """Every attempt at a workflow's jobs, oldest first."""
        parameters = {"key": workflow_id}
        rows = await self._database.query(lambda transaction: transaction.all(_OF_WORKFLOW, parameters))
        return [_attempt(row) for row in rows]


def storable(text: str) -> str:
    """At most 1000 characters of a text from outside, as every database can keep them."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:1000]


def _row(attempt: Attempt, lease_until: datetime) -> dict[str, Value]:
    return {
        "id": attempt.id,
        "workflow_id": attempt.workflow_id,
        "job_id": attempt.job_id,
        "provider": attempt.provider,
        "fence": attempt.fence,
        "status": attempt.status.value,
        "handle": attempt.handle,
        "lease_until": to_micros(lease_until),
        "started_at": to_micros(attempt.started_at),
        "completed_at": None,
        "error": None,
        "detail": None,
        "quoted": attempt.quoted,
        "settled": None,
    }


def _attempt(row: Row) -> Attempt:
    id_, workflow_id, job_id, provider, fence, started_at, quoted, status, handle = row
    return Attempt(
        id=str(id_),
        workflow_id=str(workflow_id),
        job_id=str(job_id),
        provider=str(provider),
        fence=int(fence or 0),
        started_at=from_micros(int(started_at or 0)),
        quoted=None if quoted is None else float(quoted),
        status=AttemptStatus(str(status)),
        handle=None if handle is None else str(handle),
    )


_KEY = attempts.c.id == bindparam("key")
_CLAIM = insert_unless_there(attempts)
_ACCEPT = Statement(
    update(attempts).where(_KEY).values(status=AttemptStatus.accepted.value, handle=bindparam("new_handle"))
)
_SETTLE = Statement(
    update(attempts)
    .where(_KEY)
    .values(
        status=bindparam("new_status"),
        completed_at=bindparam("new_completed_at"),
        error=bindparam("new_error"),
        detail=bindparam("new_detail"),
        settled=bindparam("new_settled"),
    )
)
_OF_WORKFLOW = Statement(
    select(
        *(
            attempts.c[name]
            for name in (
                "id",
                "workflow_id",
                "job_id",
                "provider",
                "fence",
                "started_at",
                "quoted",
                "status",
                "handle",
            )
        )
    )
    .where(attempts.c.workflow_id == bindparam("key"))
    .order_by(attempts.c.started_at, attempts.c.fence)
)
