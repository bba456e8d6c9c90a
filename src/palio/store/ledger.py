"""Who runs which job, and what every run came to: the attempts.

An attempt is a job, a provider and a fence, and no two attempts have the same job and fence: who inserts the next
fence of a job has claimed it, in one compare-and-set, and the attempt is on record before the provider is called.
A claim keeps others away while its lease runs; its holder renews it. Every report on an attempt names the holder, and
one that comes from a process that no longer holds it changes nothing. It is saved together with the workflow's state.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import FromClause, bindparam, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from palio.contract.document import Workflow
from palio.contract.instant import from_micros, now, to_micros
from palio.store.database import Database, Sync, Transaction
from palio.store.files import KeptFile, write_file
from palio.store.statement import Row, Statement, Value, insert_unless_there
from palio.store.tables import attempts, workflows
from palio.store.workflows import SAVE, saved


class AttemptStatus(StrEnum):
    """How far an attempt has come; all but the first two are final and never left."""

    claimed = "claimed"
    """On record; the provider is about to be called, or has not answered yet."""
    accepted = "accepted"
    """The provider has it, and the handle to find it again is kept."""
    succeeded = "succeeded"
    """It made the job's image. One attempt of a job at most."""
    surplus = "surplus"
    """It made an image after another attempt had won."""
    failed = "failed"
    canceled = "canceled"
    """It was stopped, as its provider confirmed, or was called off before its provider had it."""
    abandoned = "abandoned"
    """It was to stop, and its provider did not confirm that it did: it may still be paid for."""
    lost = "lost"
    """It cost nothing, and nobody knows what became of it."""


OPEN = (AttemptStatus.claimed, AttemptStatus.accepted)


class Report(StrEnum):
    """What became of a report on an attempt."""

    counted = "counted"
    surplus = "surplus"
    """It was a success, and the job had one already."""
    stale = "stale"
    """The attempt is over, or another process holds it: nothing was changed."""


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
    model: str = ""
    hedge: bool = False
    error: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the run may still be going on."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended: `error` is the class of the failure, `detail` a sentence about it."""

    status: AttemptStatus
    error: str | None = None
    detail: str | None = None
    settled: float | None = None


class Ledger:
    """The table of attempts, as one process reports to it. `holder` is the name of that process."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder

    async def claim(self, attempt: Attempt, lease_until: datetime, document: Workflow) -> bool:
        """Win a job for a provider, open its attempt and save the workflow; False, and nothing done, if lost.

        Nobody wins a job that has its image, nor, but for a hedge, one that is claimed while the lease runs.
        """
        row = _row(attempt, self._holder, lease_until)
        workflow = saved(document)
        key: dict[str, Value] = {"key_job": attempt.job_id, "at": to_micros(attempt.started_at)}
        mine = self._key(attempt.id)
        keeps_away = _HAS_WINNER if attempt.hedge else _KEEPS_AWAY

        def change(transaction: Transaction) -> bool:
            # There is nobody before the first; and one statement that looks and inserts would cost more than two.
            if attempt.fence > 1 and transaction.one(keeps_away, key | {"key": attempt.id}) is not None:
                return False
            # A transaction whose commit was not confirmed is run again: what it has done already is done.
            won = transaction.run(_CLAIM, row) == 1 or transaction.one(_IS_CLAIMED, mine) is not None
            if won:
                transaction.run(SAVE, workflow)
            return won

        return await self._database.write(change)

    async def adopt(self, attempt_id: str, lease_until: datetime) -> bool:
        """Become the holder of an open attempt, whose process is gone; what that still reports counts no more."""
        parameters = self._key(attempt_id) | {"new_lease": to_micros(lease_until)}
        return await self._database.write(lambda transaction: transaction.run(_ADOPT, parameters)) == 1

    async def renew(self, lease_until: datetime) -> int:
        """Keep others away from everything that runs here; how much that is."""
        parameters: dict[str, Value] = {"key_holder": self._holder, "new_lease": to_micros(lease_until)}
        return await self._database.write(lambda transaction: transaction.run(_RENEW, parameters))

    async def accepted(self, attempt_id: str, handle: str) -> None:
        """Keep what the provider gave us to find the work again."""
        parameters = self._key(attempt_id) | {"new_handle": handle}
        await self._database.write(lambda transaction: transaction.run(_ACCEPT, parameters))

    async def settle(
        self,
        attempt_id: str,
        settlement: Settlement,
        document: Workflow | None = None,
        file: KeptFile | None = None,
        sync: Sync | None = None,
        rival_of: str | None = None,
    ) -> Report:
        """Close an attempt; with it, keep the file it made, whose bytes `sync` makes durable, and the state.

        File and state are kept only if the report counts. `rival_of` names the job of an attempt that was not the
        only one: its success is surplus if the job has its image.
        """
        parameters: dict[str, Value] = self._key(attempt_id) | {
            "new_status": settlement.status.value,
            "new_completed_at": to_micros(now()),
            "new_error": settlement.error,
            "new_detail": None if settlement.detail is None else storable(settlement.detail),
            "new_settled": settlement.settled,
        }
        workflow = saved(document) if document is not None else None
        settled = self._key(attempt_id) | {
            "key_status": settlement.status.value,
            "key_at": parameters["new_completed_at"],
        }
        surplus = parameters | {"new_status": AttemptStatus.surplus.value}
        may_be_surplus = rival_of is not None and settlement.status is AttemptStatus.succeeded

        def change(transaction: Transaction) -> Report:
            if may_be_surplus and transaction.one(_HAS_WINNER, {"key_job": rival_of, "key": attempt_id}) is not None:
                return Report.surplus if transaction.run(_SETTLE, surplus) else Report.stale
            if transaction.run(_SETTLE, parameters) == 0 and transaction.one(_IS_SETTLED, settled) is None:
                return Report.stale
            if file is not None:
                write_file(transaction, file)
            if workflow is not None:
                transaction.run(SAVE, workflow)
            return Report.counted

        return await self._database.write(change, sync)

    async def attempts(self, workflow_id: str) -> list[Attempt]:
        """Every attempt at a workflow's jobs, oldest first."""
        parameters = {"key": workflow_id}
        rows = await self._database.query(lambda transaction: transaction.all(_OF_WORKFLOW, parameters))
        return [_attempt(row) for row in rows]

    async def stray(self) -> list[Attempt]:
        """Open attempts of others at workflows that are over: their process was gone before it could stop them."""
        mine: dict[str, Value] = {"key_holder": self._holder}
        rows = await self._database.query(lambda transaction: transaction.all(_STRAY, mine))
        return [_attempt(row) for row in rows]

    def _key(self, attempt_id: str) -> dict[str, Value]:
        return {"key": attempt_id, "key_holder": self._holder}


def storable(text: str) -> str:
    """At most 1000 characters of a text from outside, as every database can keep them."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:1000]


def _row(attempt: Attempt, holder: str, lease_until: datetime) -> dict[str, Value]:
    return {
        "id": attempt.id,
        "workflow_id": attempt.workflow_id,
        "job_id": attempt.job_id,
        "provider": attempt.provider,
        "model": attempt.model,
        "fence": attempt.fence,
        "hedge": attempt.hedge,
        "status": attempt.status.value,
        "handle": attempt.handle,
        "holder": holder,
        "lease_until": to_micros(lease_until),
        "started_at": to_micros(attempt.started_at),
        "completed_at": None,
        "error": None,
        "detail": None,
        "quoted": attempt.quoted,
        "settled": None,
    }


def _attempt(row: Row) -> Attempt:
    id_, workflow_id, job_id, provider, model, fence, hedge, started_at, quoted, status, handle, error = row
    return Attempt(
        id=str(id_),
        workflow_id=str(workflow_id),
        job_id=str(job_id),
        provider=str(provider),
        model=str(model),
        fence=int(fence or 0),
        hedge=bool(hedge),
        started_at=from_micros(int(started_at or 0)),
        quoted=None if quoted is None else float(quoted),
        status=AttemptStatus(str(status)),
        handle=None if handle is None else str(handle),
        error=None if error is None else str(error),
    )


def _open(rows: FromClause) -> ColumnElement[bool]:
    return or_(*(rows.c.status == status.value for status in OPEN))


_IS_OPEN = (attempts.c.id == bindparam("key")) & _open(attempts)
_IS_MINE = _IS_OPEN & (attempts.c.holder == bindparam("key_holder"))

_OF_JOB = select(attempts.c.id).where(attempts.c.job_id == bindparam("key_job"), attempts.c.id != bindparam("key"))
_WON = attempts.c.status == AttemptStatus.succeeded.value
_HAS_WINNER = Statement(_OF_JOB.where(_WON))
_KEEPS_AWAY = Statement(_OF_JOB.where(_WON | (_open(attempts) & (attempts.c.lease_until > bindparam("at")))))
_CLAIM = insert_unless_there(attempts)
_IS_CLAIMED = Statement(select(attempts.c.id).where(_IS_MINE))
_IS_SETTLED = Statement(
    select(attempts.c.id).where(
        attempts.c.id == bindparam("key"),
        attempts.c.holder == bindparam("key_holder"),
        attempts.c.status == bindparam("key_status"),
        attempts.c.completed_at == bindparam("key_at"),
    )
)
_ADOPT = Statement(
    update(attempts).where(_IS_OPEN).values(holder=bindparam("key_holder"), lease_until=bindparam("new_lease"))
)
_RENEW = Statement(
    update(attempts)
    .where(attempts.c.holder == bindparam("key_holder"), _open(attempts))
    .values(lease_until=bindparam("new_lease"))
)
_ACCEPT = Statement(
    update(attempts).where(_IS_MINE).values(status=AttemptStatus.accepted.value, handle=bindparam("new_handle"))
)
_END: dict[str, ColumnElement[object]] = {
    "status": bindparam("new_status"),
    "completed_at": bindparam("new_completed_at"),
    "error": bindparam("new_error"),
    "detail": bindparam("new_detail"),
    "settled": bindparam("new_settled"),
}
_SETTLE = Statement(update(attempts).where(_IS_MINE).values(_END))
_SHOWN = (
    "id",
    "workflow_id",
    "job_id",
    "provider",
    "model",
    "fence",
    "hedge",
    "started_at",
    "quoted",
    "status",
    "handle",
    "error",
)
_OF_WORKFLOW = Statement(
    select(*(attempts.c[name] for name in _SHOWN))
    .where(attempts.c.workflow_id == bindparam("key"))
    .order_by(attempts.c.started_at, attempts.c.fence)
)
_STRAY = Statement(
    select(*(attempts.c[name] for name in _SHOWN))
    .join(workflows, workflows.c.id == attempts.c.workflow_id)
    .where(_open(attempts), attempts.c.holder != bindparam("key_holder"), workflows.c.completed_at.is_not(None))
    .order_by(attempts.c.started_at)
)
