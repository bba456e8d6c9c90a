"""Workflows to put into a store."""

from datetime import UTC, datetime, timedelta

import msgspec

from palio.contract.document import Workflow
from palio.contract.json import Json
from palio.contract.status import Status
from palio.contract.template import read_template
from palio.engine.planning import new_document
from palio.store.store import Store
from palio.store.workflows import Recorded, search_text

ACCOUNT = "ann"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def workflow(minute: float = 0, **members: Json) -> Workflow:
    """A workflow of one step that was submitted so many minutes past noon."""
    template = read_template({"steps": [{"$type": "echo", "name": "say", "input": {"message": "hello"}}], **members})
    return new_document(template, NOON + timedelta(minutes=minute))


async def record(store: Store, document: Workflow, account: str = ACCOUNT, *, whatif: bool = False) -> Recorded:
    """Keep a workflow as a submission does."""
    search = search_text(msgspec.json.decode(document.metadata))
    return await store.workflows.record(account, document, search, whatif=whatif)


async def recorded(store: Store, minute: float = 0, account: str = ACCOUNT, **members: Json) -> str:
    """The id of a new workflow."""
    return (await record(store, workflow(minute, **members), account)).stored.id


async def end(store: Store, workflow_id: str, status: Status = Status.succeeded, minute: float = 1) -> None:
    """Bring a workflow to its end, as the orchestrator does."""
    document = await load(store, workflow_id)
    document.status = status
    document.completed_at = NOON + timedelta(minutes=minute)
    await store.workflows.save(document)


async def load(store: Store, workflow_id: str, account: str = ACCOUNT) -> Workflow:
    """A workflow that must be there."""
    stored = await store.workflows.load(workflow_id, account)
    assert stored is not None
    return stored.document


def as_json(document: Workflow) -> Json:
    """Everything a document says."""
    value: Json = msgspec.json.decode(msgspec.json.encode(document))
    return value
