"""The protocol between the orchestrator and whatever can run a job.

A provider says what it could do (`offer`), takes a job on (`start`), is followed to the end (`watch`) and can be
told to stop (`cancel`). Between `start` and `watch` lies a handle, a text that is kept in the ledger: where
`resumable` is true, a new process can watch a handle that an earlier one was given. Where `findable` is true, a run
whose handle never arrived can be found by the id that Palio gave it (`find`).

    ProviderError
    ├── NotAccepted      the provider did not take the job (refused connection, 503): ask the next one now
    │   └── RateLimited  it takes none for a while (429): not a fault, but not before `retry_after`
    ├── Unfunded         the account has no money left: the provider is left alone, the others go on
    ├── KeyRefused       the account's key is not good: likewise
    ├── RunFailed        it took the job and failed at it: try again elsewhere, within `retries`
    ├── Refused          moderation said no: final, unless the operator says that others may be asked
    ├── InvalidJob       the job cannot be done as asked, by anybody: final
    ├── Incapable        this provider cannot do it, though it offered to: the next one
    ├── Ambiguous        the request was sent and nothing came back: looked up by id, never sent again blindly
    └── Lost             the handle leads nowhere: the run is gone, or its picture is. As with Ambiguous, it may be paid
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

from palio.contract.image.job import ImageJob
from palio.errors import PalioError

Handle: TypeAlias = str


class ProviderError(PalioError):
    """A run that did not lead to an image. `name` is how the ledger and the owner see the kind of failure."""

    name: ClassVar[str] = "failed"


class NotAccepted(ProviderError):
    """The provider did not take the job, and nothing of it was begun or will be paid."""

    name = "not_accepted"


class RateLimited(NotAccepted):
    """The provider takes no job for a while: `retry_after` seconds, None if it did not say."""

    name = "rate_limited"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unfunded(ProviderError):
    """The account at the provider cannot pay. Nothing was begun."""

    name = "unfunded"


class KeyRefused(ProviderError):
    """The provider does not accept the account's key. Nothing was begun."""

    name = "unauthorized"


class RunFailed(ProviderError):
    """The provider took the job and failed at it."""

    name = "failed"


class Refused(ProviderError):
    """The provider's moderation refused the job."""

    name = "refused"


class InvalidJob(ProviderError):
    """The job cannot be done as asked, whoever is asked."""

    name = "invalid"


class Incapable(ProviderError):
    """This provider cannot do the job as asked, which says nothing of others. Nothing was begun."""

    name = "incapable"


class Ambiguous(ProviderError):
    """Nobody knows whether the provider took the job."""

    name = "ambiguous"


class Lost(ProviderError):
    """The provider does not know the handle."""

    name = "lost"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider would do for a job.

    `seconds` is its own idea of how long a run takes once begun, to go by until there is a record; `preparation`
    what comes before that, such as a model to load. `price` is USD (None: unknown, which is not free), and `refund`
    the share of it, 0..1, that is not paid for a run that fails or is canceled under way. `model` is the provider's
    name for what would run: latency, faults and breakers are kept by provider and model. `rounded_to` is the width
    and height that will come out where the vendor makes no images of exactly the size that the job asks for.
    """

    provider: str
    seconds: float
    price: float | None
    model: str = ""
    preparation: float = 0.0
    refund: float = 0.0
    rounded_to: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A model that a provider has: its own name for it, the family and the names that jobs call it by."""

    model: str
    family: str
    members: tuple[str, ...]


class Why(StrEnum):
    """The kinds of reason for which a provider does not get a job."""

    cannot = "cannot"
    """It cannot do such a job."""
    excluded = "excluded"
    """The owner of the workflow does not want it."""
    too_expensive = "tooExpensive"
    """Its price is over the owner's limit, or not known where there is one."""
    disabled = "disabled"
    """Its account has no money or no good key."""
    unavailable = "unavailable"
    """It did not take the job, or is left alone after faults."""
    broken = "broken"
    """Its adapter raised where it should have answered."""


@dataclass(frozen=True, slots=True)
class Unable:
    """Why a provider cannot do a job: a kind, and a sentence for the owner."""

    provider: str
    reason: str
    why: Why = Why.cannot


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job given to a provider: `job.seed` is set, `load` turns an image reference of the job into bytes.

    `attempt_id` is new for every start. A findable provider runs the job under it.
    """

    attempt_id: str
    job: ImageJob
    load: Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come, 0..1; while it is queued, `ahead` is how many are before it, if the provider says.

    Where `is_preparing`, the run has not begun: `rate` is how far what it needs first has come, such as weights on
    their way to this machine. A Progress without it, if only of 0, says that it has begun.
    """

    rate: float
    ahead: int | None = None
    is_preparing: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """The image a run ended with, encoded as the provider likes.

    `provenance` goes into the image's metadata, `nsfw_level` is the provider's own judgement, `cost` is USD
    (None: the provider did not say).
    """

    data: bytes
    provenance: dict[str, str]
    nsfw_level: str | None = None
    cost: float | None = None


class Provider:
    """A base that can do nothing; adapters override what they can."""

    kind: ClassVar[str]

    def __init__(
        self,
        name: str,
        concurrency: int,
        *,
        resumable: bool = False,
        findable: bool = False,
        free: bool = False,
        stand_in: bool = False,
        synchronous: bool = False,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        """How many runs it may have at a time."""
        self.resumable = resumable
        """Whether a handle can be watched by another process than the one that started the run."""
        self.findable = findable
        """Whether `find` can tell a run by the attempt's id."""
        self.free = free
        """Whether a run that is lost costs nothing, so that it may simply be run again."""
        self.synchronous = synchronous
        """Whether `start` takes as long as the run does, so that afterwards only the picture has to be fetched."""
        self.stand_in = stand_in
        """Whether it is asked only where no other provider can do the job."""

    async def open(self) -> None:
        """Get ready; called once before anything else."""

    async def close(self) -> None:
        """Let go of everything; called once at the end."""

    def serves(self) -> Sequence[Served]:
        """The models that it has; empty if it has no list of them. Overridden where it has."""
        return ()

    async def check(self) -> str | None:
        """What came of an enquiry that costs nothing, in a sentence; None where there is none. Raises ProviderError."""
        return None

    def offer(self, job: ImageJob) -> Offer | Unable:
        """What it would do for a job. Answers at once, from what it knows."""
        return Unable(self.name, f"{self.kind} makes no images")

    async def start(self, assignment: Assignment) -> Handle:
        """Take the job on. Usually overridden. Raises ProviderError."""
        raise NotAccepted(f"{self.name} takes no jobs")

    async def find(self, attempt_id: str) -> Handle | None:
        """The run that was started for an attempt; None if the provider is sure that there is none.

        Overridden where `findable`. Raises ProviderError if the provider cannot be asked now.
        """
        raise Ambiguous(f"{self.name} cannot look up runs")

    def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        """Follow a run: any number of Progress, then one Made. Usually overridden. Raises ProviderError."""
        raise Lost(f"{self.name} does not know {handle}")

    async def cancel(self, handle: Handle) -> None:
        """Stop a run; returns when the provider has said that it did. A run that is over is no error."""
