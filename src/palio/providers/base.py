"""The protocol between the orchestrator and whatever can run a job.

A provider says what it could do (`offer`), takes a job on (`start`), is followed to the end (`watch`) and can be
told to stop (`cancel`). Between `start` and `watch` lies a handle, a text that is kept in the ledger: where
`resumable` is true, a new process can watch a handle that an earlier one was given.

    ProviderError
    ├── NotAccepted      the provider did not take the job (refused connection, 429, 503): ask the next one now
    ├── RunFailed        it took the job and failed at it: try again elsewhere, within `retries`
    ├── Refused          moderation said no: final, and not offered to others
    ├── InvalidJob       the job cannot be done as asked: final
    ├── Ambiguous        the request was sent and nothing came back: never sent again blindly
    └── Lost             the handle leads nowhere: the run is gone
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from palio.contract.image.job import ImageJob
from palio.errors import PalioError

Handle: TypeAlias = str


class ProviderError(PalioError):
    """A run that did not lead to an image. `name` is how the ledger and the owner see the kind of failure."""

    name: ClassVar[str] = "failed"


class NotAccepted(ProviderError):
    """The provider did not take the job."""

    name = "not_accepted"


class RunFailed(ProviderError):
    """The provider took the job and failed at it."""

    name = "failed"


class Refused(ProviderError):
    """The provider's moderation refused the job."""

    name = "refused"


class InvalidJob(ProviderError):
    """The provider cannot do the job as asked."""

    name = "invalid"


class Ambiguous(ProviderError):
    """Nobody knows whether the provider took the job."""

    name = "ambiguous"


class Lost(ProviderError):
    """The provider does not know the handle."""

    name = "lost"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider would do for a job: seconds until done if it started now, price in USD (None: unknown)."""

    provider: str
    seconds: float
    price: float | None


@dataclass(frozen=True, slots=True)
class Unable:
    """Why a provider cannot do a job."""

    provider: str
    reason: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job given to a provider: `job.seed` is set, `load` turns an image reference of the job into bytes."""

    attempt_id: str
    job: ImageJob
    load: Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come, 0..1."""

    rate: float


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
        self, name: str, concurrency: int, *, resumable: bool = False, free: bool = False, stand_in: bool = False
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        """How many runs it may have at a time."""
        self.resumable = resumable
        """Whether a handle can be watched by another process than the one that started the run."""
        self.free = free
        """Whether a run that is lost costs nothing, so that it may simply be run again."""
        self.stand_in = stand_in
        """Whether it is asked only where no other provider can do the job."""

    async def open(self) -> None:
        """Get ready; called once before anything else."""

    async def close(self) -> None:
        """Let go of everything; called once at the end."""

    def offer(self, job: ImageJob) -> Offer | Unable:
        """What it would do for a job. Answers at once, from what it knows."""
        return Unable(self.name, f"{self.kind} makes no images")

    async def start(self, assignment: Assignment) -> Handle:
        """Take the job on. Usually overridden. Raises ProviderError."""
        raise NotAccepted(f"{self.name} takes no jobs")

    def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        """Follow a run: any number of Progress, then one Made. Usually overridden. Raises ProviderError."""
        raise Lost(f"{self.name} does not know {handle}")

    async def cancel(self, handle: Handle) -> None:
        """Stop a run; returns when the provider has said that it did. A run that is over is no error."""
