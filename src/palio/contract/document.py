"""The documents clients read: workflow, step, job, blob and money, as they go over the wire.

msgspec structs, because they are written several times in the life of every workflow and read on every
poll: members that equal their default are left out, which is how "nulls are omitted" is kept; members that
typed clients require have no default and so are always there. `metadata`, `arguments` and `input` are the
caller's own JSON, passed through as bytes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from palio.contract.status import Status


class Document(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A record of the contract."""


class Blob(Document, kw_only=True):
    """A file that a job makes or made; `url` and `previewUrl` are signed anew at every read, never stored."""

    type: str = msgspec.field(name="type")
    id: str
    available: bool
    url: str | None = None
    url_expires_at: datetime | None = None
    job_id: str | None = None
    nsfw_level: str | None = None
    blocked_reason: str | None = None
    width: int | None = None
    height: int | None = None
    preview_url: str | None = None
    preview_url_expires_at: datetime | None = None


class Output(Document, kw_only=True):
    """What a step made. Each step type fills the members that its contract names."""

    images: list[Blob] | None = None
    errors: list[str] | None = None
    message: str | None = None
    steps: list["Step"] | None = None


class QueuePosition(Document, kw_only=True):
    """Where a waiting job stands."""

    support: str
    preceding_jobs: int | None = None
    start_at: datetime | None = None
    complete_at: datetime | None = None


class Job(Document, kw_only=True):
    """One unit of provider work. `cost` is relative complexity, not money.

    `attempts` are the runs so far, oldest first; `declined` says of a job that nobody would do why not.
    """

    id: str
    status: Status
    cost: float
    started_at: datetime | None = None
    completed_at: datetime | None = None
    estimated_progress_rate: float | None = None
    queue_position: QueuePosition | None = None
    reason: str | None = None
    blocked_reason: str | None = None
    provider: str | None = None
    attempts: list["JobAttempt"] | None = None
    declined: list["Decline"] | None = None


class Decline(Document, kw_only=True):
    """Why a provider did not get a job: a kind (`cannot`, `excluded`, `tooExpensive` ...) and a sentence."""

    provider: str
    why: str
    detail: str


class JobAttempt(Document, kw_only=True):
    """One provider's run of a job, as its owner sees it. `cost` is in USD; unknown is left out, never 0.

    `hedge` is true of a second attempt that was started while the first still ran. `rounded_to` is the size that the
    provider makes in place of the one asked for, as in `1280x736`, where it rounds.
    """

    provider: str
    status: str
    hedge: bool | None = None
    rounded_to: str | None = None
    started_at: datetime
    completed_at: datetime | None = None
    error: str | None = None
    detail: str | None = None
    cost: float | None = None


class Step(Document, kw_only=True):
    """A step with its life so far. `input` is what was sent, references included."""

    type: str = msgspec.field(name="$type")
    name: str
    priority: str
    status: Status
    metadata: msgspec.Raw
    input: msgspec.Raw
    timeout: str | None = None
    retries: int | None = None
    jobs: list[Job] | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    estimated_progress_rate: float | None = None
    output: Output | None = None


def copies_in(step: Step) -> list[Step]:
    """The steps that a step repeats; none for one that repeats nothing, or not yet."""
    return (step.output.steps if step.output is not None else None) or []


def every_step(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, each followed by those that it repeats, however deep."""
    for step in steps:
        yield step
        yield from every_step(copies_in(step))


class CostTips(Document, kw_only=True):
    """Tips as amounts of Buzz."""

    civitai: int
    creators: int


class Cost(Document, kw_only=True):
    """What a workflow costs, in Buzz: `base` is the product of `factors` rounded up."""

    base: int
    tips: CostTips
    total: int
    factors: dict[str, float] | None = None
    fixed: dict[str, int] | None = None
    fees: dict[str, float] | None = None


class Tips(Document, kw_only=True):
    """Tip rates, 0..2 each."""

    civitai: float
    creators: float


class Transaction(Document, kw_only=True):
    """One movement of Buzz."""

    type: str = msgspec.field(name="type")
    amount: int
    account_type: str
    id: str | None = None


class Transactions(Document, kw_only=True):
    """What was, or by whatif would be, debited and credited."""

    list: list[Transaction]
    insufficient_buzz: bool | None = None


class Callback(Document, kw_only=True):
    """Where events are sent, and which."""

    url: str
    type: list[str] = msgspec.field(name="type")
    detailed: bool | None = None


class Workflow(Document, kw_only=True):
    """The whole of a workflow as its owner reads it."""

    id: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    status: Status
    steps: list[Step]
    metadata: msgspec.Raw
    arguments: msgspec.Raw
    tags: list[str]
    callbacks: list[Callback]
    tips: Tips
    cost: Cost
    transactions: Transactions | None = None
    nsfw_level: str | None = None
    experimental: bool | None = None
    allow_mature_content: bool | None = None
    ephemeral: bool | None = None
    upgrade_mode: str
    currencies: list[str]
    force_refunded: bool
    external_id: str | None = None


class Page(Document, kw_only=True):
    """Some workflows and, unless they are the last, the cursor to the next ones."""

    items: list[Workflow]
    next: str | None = None


class UploadUrl(Document, kw_only=True):
    """Where a file may be posted without a bearer token, and until when."""

    upload_url: str
    expires_at: datetime
