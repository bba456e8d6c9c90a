"""Workflows as rows: recorded once, saved at every transition, edited by their owners, found by key or filter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import BigInteger, bindparam, case, delete, false, func, insert, null, select, update
from sqlalchemy.sql.elements import ColumnElement

from palio.contract.document import Workflow, every_step
from palio.contract.instant import now, to_micros
from palio.contract.json import JsonObject
from palio.contract.patch import Attributes
from palio.contract.query import Cursor
from palio.contract.status import FAILED, Status
from palio.store.database import Database, Transaction
from palio.store.statement import Row, Statement, Value
from palio.store.tables import workflow_tags, workflows

_encode = msgspec.json.Encoder().encode
_decode_workflow = msgspec.json.Decoder(Workflow).decode
_decode_tags = msgspec.json.Decoder(list[str]).decode
_decode_step_metadata = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Stored:
    """A workflow as the database has it, its owner's attributes merged in."""

    account: str
    document: Workflow
    whatif: bool = False
    cancel_requested: bool = False

    @property
    def id(self) -> str:
        return self.document.id or ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a submission: the workflow, and whether it was there before under its external id."""

    stored: Stored
    is_new: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """Which workflows of an account to list, and in which order."""

    account: str
    take: int = 100
    after: Cursor | None = None
    ascending: bool = False
    tags: tuple[str, ...] = ()
    text: str | None = None
    status: Status | None = None
    exclude_failed: bool = False
    since: datetime | None = None
    until: datetime | None = None


class Workflows:
    """The table of workflows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, account: str, document: Workflow, search: str, *, whatif: bool = False) -> Recorded:
        """Keep a new workflow, or return the one that its account recorded before under the same external id."""
        row = _row(account, document, search, whatif)
        tags = document.tags

        def change(transaction: Transaction) -> Recorded:
            if document.external_id is not None:
                key: dict[str, Value] = {"key_account": account, "key_external": document.external_id}
                earlier = transaction.one(_BY_EXTERNAL_ID, key)
                if earlier is not None:
                    return Recorded(_stored(earlier), is_new=False)
            transaction.run(_INSERT, row)
            for tag in tags:
                transaction.run(_INSERT_TAG, {"workflow_id": document.id, "tag": tag})
            return Recorded(Stored(account, document, whatif), is_new=True)

        return await self._database.write(change)

    async def load(self, workflow_id: str, account: str, *, just_ended: bool = False) -> Stored | None:
        """An account's workflow, unless it is deleted, or over and ephemeral.

        `just_ended` is for a reply that was held until the end: it shows an ephemeral workflow that last time.
        """
        statement = _JUST_ENDED if just_ended else _BY_ID
        row = await self._database.read(statement, {"key": workflow_id, "key_account": account})
        return _stored(row) if row is not None else None

    async def save(self, document: Workflow) -> None:
        """Keep the orchestrator's view of a workflow."""
        parameters = saved(document)
        await self._database.write(lambda transaction: transaction.run(SAVE, parameters))

    async def edit(
        self, workflow_id: str, account: str, revise: Callable[[Attributes], Attributes]
    ) -> tuple[Attributes, Attributes] | None:
        """Let `revise` change what the owner may change; the attributes before and after, or None if unknown.

        What `revise` raises is raised here, with nothing changed. It may run more than once.
        """

        def change(transaction: Transaction) -> tuple[Attributes, Attributes] | Exception | None:
            row = transaction.one(_LOCK, {"key": workflow_id, "key_account": account})
            if row is None:
                return None
            stored = _stored(row)
            before = attributes_of(stored)
            try:
                after = revise(before)
            except Exception as error:  # handed back so that it does not undo the others of its group
                return error
            if after != before:
                self._write_attributes(transaction, stored, before, after)
            return before, after

        outcome = await self._database.write(change)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def edit_step(
        self, workflow_id: str, account: str, step: str, revise: Callable[[JsonObject], JsonObject]
    ) -> bool | None:
        """Let `revise` change a step's metadata; None if the workflow, False if the step is unknown."""

        def change(transaction: Transaction) -> bool | Exception | None:
            row = transaction.one(_LOCK, {"key": workflow_id, "key_account": account})
            if row is None:
                return None
            document = _stored(row).document
            found = next((candidate for candidate in every_step(document.steps) if candidate.name == step), None)
            if found is None:
                return False
            try:
                revised = revise(msgspec.json.decode(found.metadata))
            except Exception as error:  # as in edit
                return error
            metadata = _decode_step_metadata(str(row[_COLUMNS.index("step_metadata")]))
            metadata[step] = msgspec.Raw(_encode(revised))
            transaction.run(_SET_STEP_METADATA, {"key": workflow_id, "new_metadata": _text(metadata)})
            return True

        outcome = await self._database.write(change)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def delete(self, workflow_id: str, account: str) -> bool:
        """Hide a workflow and ask for its cancellation; False if there is none to hide."""
        parameters: dict[str, Value] = {
            "key": workflow_id,
            "key_account": account,
            "new_deleted_at": to_micros(now()),
        }
        return await self._database.write(lambda transaction: transaction.run(_DELETE, parameters)) == 1

    async def unfinished(self) -> list[Stored]:
        """Every workflow that still has to be brought to its end, oldest first."""
        rows = await self._database.query(lambda transaction: transaction.all(_UNFINISHED, {}))
        return [_stored(row) for row in rows]

    async def page(self, filter_: Filter) -> tuple[list[Stored], Cursor | None]:
        """Workflows in order of creation, and where the next page begins.

        Pages are cut by key, not by count, so rows added meanwhile neither repeat nor hide others.
        """
        statement = _page_statement(filter_)
        rows = await self._database.query(lambda transaction: transaction.all(statement, {}))
        found = [_stored(row) for row in rows[: filter_.take]]
        if len(rows) <= filter_.take:
            return found, None
        last = found[-1].document
        return found, Cursor(to_micros(last.created_at), last.id or "")

    async def purge(self, completed_before: datetime, limit: int = 500) -> int:
        """Forget up to `limit` workflows that ended before an instant; how many were forgotten."""

        ended: dict[str, Value] = {"before": to_micros(completed_before), "at_most": limit}
        # On a thread, as it looks at every row. What has ended stays so until the rows are deleted.
        rows = await self._database.query(lambda transaction: transaction.all(_ENDED_BEFORE, ended))
        if not rows:
            return 0

        def change(transaction: Transaction) -> int:
            return sum(transaction.run(_FORGET, {"key": row[0]}) for row in rows)

        return await self._database.write(change)

    def _write_attributes(
        self, transaction: Transaction, stored: Stored, before: Attributes, after: Attributes
    ) -> None:
        cancel = after.status == Status.canceled and before.status != Status.canceled
        parameters: dict[str, Value] = {
            "key": stored.id,
            "new_metadata": _text(after.metadata),
            "new_tags": _text(after.tags),
            "new_allow": after.allow_mature_content,
            "new_search": search_text(after.metadata),
            "new_cancel": to_micros(now()) if cancel else None,
        }
        transaction.run(_SET_ATTRIBUTES, parameters)
        if after.tags != before.tags:
            transaction.run(_DELETE_TAGS, {"key": stored.id})
            for tag in after.tags:
                transaction.run(_INSERT_TAG, {"workflow_id": stored.id, "tag": tag})


def attributes_of(stored: Stored) -> Attributes:
    """What an owner may change of a workflow."""
    document = stored.document
    return Attributes(
        status=document.status.value,
        metadata=msgspec.json.decode(document.metadata),
        tags=tuple(document.tags),
        allow_mature_content=document.allow_mature_content,
    )


def search_text(metadata: object) -> str:
    """The words of a metadata map that a text query can match, in lower case."""
    found: list[str] = []
    waiting = [metadata]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif value is not None:
            found.append(str(value).lower())
    # Postgres stores no NUL in a text.
    return "\n".join(reversed(found)).replace("\0", "")


def saved(document: Workflow) -> dict[str, Value]:
    """The parameters of SAVE for a workflow."""
    return {
        "key": document.id,
        "new_status": document.status.value,
        "new_state": _text(document),
        "new_completed_at": to_micros(document.completed_at) if document.completed_at else None,
    }


def _text(value: object) -> str:
    return _encode(value).decode()


def _row(account: str, document: Workflow, search: str, whatif: bool) -> dict[str, Value]:
    return {
        "id": document.id,
        "account": account,
        "created_at": to_micros(document.created_at),
        "completed_at": None,
        "status": document.status.value,
        "external_id": document.external_id,
        "ephemeral": bool(document.ephemeral),
        "whatif": whatif,
        "state": _text(document),
        "metadata": bytes(document.metadata).decode(),
        "tags": _text(document.tags),
        "step_metadata": "{}",
        "allow_mature_content": document.allow_mature_content,
        "search": search,
        "cancel_requested_at": None,
        "deleted_at": None,
    }


def _stored(row: Row) -> Stored:
    account, state, metadata, tags, step_metadata, allow, cancel_requested_at, whatif = row
    document = _decode_workflow(str(state))
    document.metadata = msgspec.Raw(str(metadata).encode())
    document.tags = _decode_tags(str(tags))
    document.allow_mature_content = None if allow is None else bool(allow)
    if step_metadata != "{}":
        revised = _decode_step_metadata(str(step_metadata))
        for step in every_step(document.steps):
            step.metadata = revised.get(step.name, step.metadata)
    return Stored(str(account), document, bool(whatif), cancel_requested_at is not None)


def _page_statement(filter_: Filter) -> Statement:
    columns = workflows.c
    conditions: list[ColumnElement[bool]] = [columns.account == filter_.account, _VISIBLE]
    if filter_.after is not None:
        position = (filter_.after.created_at, filter_.after.id)
        before = columns.created_at == position[0]
        conditions.append(
            (columns.created_at > position[0]) | (before & (columns.id > position[1]))
            if filter_.ascending
            else (columns.created_at < position[0]) | (before & (columns.id < position[1]))
        )
    for tag in filter_.tags:
        tagged = select(workflow_tags.c.workflow_id).where(
            workflow_tags.c.workflow_id == columns.id, workflow_tags.c.tag == tag
        )
        conditions.append(tagged.exists())
    if filter_.text:
        # No stored text holds NUL, and Postgres would not even take the question.
        searched = columns.search.contains(filter_.text.lower(), autoescape=True)
        conditions.append(false() if "\0" in filter_.text else searched)
    if filter_.status is not None:
        conditions.append(columns.status == filter_.status.value)
    if filter_.exclude_failed:
        conditions.extend(columns.status != status.value for status in sorted(FAILED))
    if filter_.since is not None:
        conditions.append(columns.created_at >= to_micros(filter_.since))
    if filter_.until is not None:
        conditions.append(columns.created_at <= to_micros(filter_.until))
    order = [columns.created_at, columns.id]
    return Statement(
        select(*_SELECTED)
        .where(*conditions)
        .order_by(*(order if filter_.ascending else [column.desc() for column in order]))
        .limit(filter_.take + 1)
    )


_COLUMNS: Sequence[str] = (
    "account",
    "state",
    "metadata",
    "tags",
    "step_metadata",
    "allow_mature_content",
    "cancel_requested_at",
    "whatif",
)
_SELECTED = [workflows.c[name] for name in _COLUMNS]
_VISIBLE = workflows.c.deleted_at.is_(None) & ~(workflows.c.ephemeral.is_(True) & workflows.c.completed_at.is_not(None))
_KEY = workflows.c.id == bindparam("key")
_OWNED = _KEY & (workflows.c.account == bindparam("key_account")) & workflows.c.deleted_at.is_(None)

_INSERT = Statement(insert(workflows))
_INSERT_TAG = Statement(insert(workflow_tags))
_DELETE_TAGS = Statement(delete(workflow_tags).where(workflow_tags.c.workflow_id == bindparam("key")))
_BY_ID = Statement(select(*_SELECTED).where(_OWNED, _VISIBLE))
_JUST_ENDED = Statement(select(*_SELECTED).where(_OWNED))
_BY_EXTERNAL_ID = Statement(
    select(*_SELECTED).where(
        workflows.c.account == bindparam("key_account"), workflows.c.external_id == bindparam("key_external")
    )
)
_LOCK = Statement(select(*_SELECTED).where(_OWNED, _VISIBLE).with_for_update())
_UNFINISHED = Statement(
    select(*_SELECTED)
    .where(workflows.c.completed_at.is_(None), workflows.c.whatif.is_(False))
    .order_by(workflows.c.created_at)
)
SAVE = Statement(
    update(workflows)
    .where(_KEY)
    .values(
        status=bindparam("new_status"),
        state=bindparam("new_state"),
        completed_at=bindparam("new_completed_at"),
    )
)
_SET_ATTRIBUTES = Statement(
    update(workflows)
    .where(_KEY)
    .values(
        metadata=bindparam("new_metadata"),
        tags=bindparam("new_tags"),
        allow_mature_content=bindparam("new_allow"),
        search=bindparam("new_search"),
        cancel_requested_at=func.coalesce(workflows.c.cancel_requested_at, bindparam("new_cancel", type_=BigInteger)),
    )
)
_SET_STEP_METADATA = Statement(update(workflows).where(_KEY).values(step_metadata=bindparam("new_metadata")))
_DELETE = Statement(
    update(workflows)
    .where(_OWNED)
    .values(
        deleted_at=bindparam("new_deleted_at"),
        cancel_requested_at=bindparam("new_deleted_at"),
        # The name is free again: a deleted workflow must not be the answer to a new submission.
        external_id=null(),
    )
)
_ENDED_BEFORE = Statement(
    select(workflows.c.id)
    .where(
        func.coalesce(workflows.c.completed_at, case((workflows.c.whatif.is_(True), workflows.c.created_at)))
        < bindparam("before")
    )
    .limit(bindparam("at_most"))
)
_FORGET = Statement(delete(workflows).where(_KEY))
