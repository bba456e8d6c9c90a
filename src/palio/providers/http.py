"""Any server that speaks Palio's own job protocol, which `docs/http-provider.md` describes with an example.

`[providers.NAME]` with `kind = "http"`, `base_url`, and any of: `api_key_env`, `price` (USD), `families` it serves,
comma-separated (all), `seconds` a run is expected to take (10), `timeout` seconds for an answer to a start (30),
`patience` seconds for which it may be out of reach during a run (120).

    PUT    /jobs/{id}          take a job on, under an id that Palio chose: doing it twice does no more than once
    GET    /jobs/{id}?wait=N   how far it is, as soon as that changes or after N seconds
    GET    /jobs/{id}/image    what it made
    DELETE /jobs/{id}          stop it

The id is the attempt's, so a start whose answer was lost is found again, and so is a run by a new process.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from random import Random
from time import monotonic
from typing import Annotated, ClassVar, Final, TypeVar

import msgspec

from palio.contract.image.job import ImageJob
from palio.providers.base import (
    Ambiguous,
    Assignment,
    Handle,
    Incapable,
    InvalidJob,
    KeyRefused,
    Lost,
    Made,
    NotAccepted,
    Offer,
    Progress,
    Provider,
    ProviderError,
    RateLimited,
    Refused,
    RunFailed,
    Unable,
    Unfunded,
)
from palio.providers.wire import Answer, TooLarge, Wire, pauses, retry_after

T = TypeVar("T")

VERSION: Final = 1
"""Of the protocol. It changes when a server of the old one would misunderstand."""

MAX_INPUT_BYTES = 64 * 1024 * 1024
MAX_IMAGE_BYTES = 64 * 1024 * 1024
WAIT = 20
"""Seconds for which a poll is held by the server."""
POLL_INTERVAL = 0.25
"""Seconds between polls of a server that does not hold them."""

NOT_TAKEN: Final[Mapping[int, type[ProviderError]]] = {
    301: NotAccepted,
    302: NotAccepted,
    307: NotAccepted,
    308: NotAccepted,
    400: Incapable,
    401: KeyRefused,
    402: Unfunded,
    403: KeyRefused,
    404: NotAccepted,
    405: NotAccepted,
    409: Incapable,
    410: NotAccepted,
    411: Incapable,
    413: Incapable,
    415: Incapable,
    422: Incapable,
    429: RateLimited,
    501: Incapable,
    503: NotAccepted,
}
"""What statuses of an answer to a start mean. After any other that is no success, nobody knows: Ambiguous."""

REASONS: Final[Mapping[str, type[ProviderError]]] = {
    "incapable": Incapable,
    "invalid": InvalidJob,
    "refused": Refused,
}
"""What a problem document with status 409 or 422 may say in its member `reason`."""


class HttpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of the table that only this kind knows."""

    families: str = ""
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0
    patience: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 120.0


class Status(StrEnum):
    """How far a run is; all but the first two are final."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    refused = "refused"
    canceled = "canceled"


class Run(msgspec.Struct, frozen=True):
    """What the server says of a run. `cost` is USD."""

    status: Status
    progress: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    error: str | None = None
    cost: Annotated[float, msgspec.Meta(ge=0)] | None = None


class HttpProvider(Provider):
    """Runs jobs at a server of the job protocol."""

    kind: ClassVar[str] = "http"

    def __init__(
        self,
        name: str,
        concurrency: int,
        base_url: str,
        *,
        key: str | None = None,
        price: float | None = None,
        options: HttpOptions,
    ) -> None:
        super().__init__(name, concurrency, resumable=True, findable=True, free=price == 0)
        self._wire = Wire(name, base_url, connections=concurrency + 16, key=key)
        self._price = price
        self._options = options
        self._families = frozenset(filter(None, options.families.replace(" ", "").split(",")))
        self._random = Random()  # noqa: S311 - spreads polls, not a secret

    async def close(self) -> None:
        await self._wire.close()

    def offer(self, job: ImageJob) -> Offer | Unable:
        if self._families and job.family not in self._families:
            return Unable(self.name, f"does not serve {job.family}")
        # By family and not by model: any checkpoint may be asked for, and a record of each would know nothing.
        return Offer(self.name, self._options.seconds, self._price, model=job.family)

    async def start(self, assignment: Assignment) -> Handle:
        content = await self._document(assignment)
        answer = await self._wire.exchange(
            "PUT", f"jobs/{assignment.attempt_id}", content=content, seconds=self._options.timeout
        )
        if answer.status not in (200, 201):
            raise self._not_taken(answer)
        self._wire.decode(answer, Run)
        return assignment.attempt_id

    async def find(self, attempt_id: str) -> Handle | None:
        try:
            await self._poll(attempt_id, 0)
        except Lost:
            return None
        return attempt_id

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        while True:
            began = monotonic()
            run = await self._patiently(lambda: self._poll(handle, WAIT))
            match run.status:
                case Status.queued | Status.running:
                    yield Progress(run.progress)
                case Status.succeeded:
                    data = await self._patiently(lambda: self._image(handle))
                    yield Made(data, {}, cost=run.cost)
                    return
                case Status.refused:
                    raise Refused(self._reason(run))
                case Status.failed | Status.canceled:
                    raise RunFailed(self._reason(run))
            await asyncio.sleep(max(0.0, began + POLL_INTERVAL - monotonic()))

    async def cancel(self, handle: Handle) -> None:
        answer = await self._wire.exchange("DELETE", f"jobs/{handle}", seconds=self._options.timeout)
        if answer.status not in (200, 204, 404):
            raise Ambiguous(self._wire.told(answer))

    async def _poll(self, handle: Handle, wait: int) -> Run:
        """What the server says of a run. Raises Lost if it knows none, otherwise what says that it cannot tell now."""
        seconds = wait + self._options.timeout
        answer = await self._wire.exchange("GET", f"jobs/{handle}", params={"wait": str(wait)}, seconds=seconds)
        self._look_at(answer)
        return self._wire.decode(answer, Run)

    async def _image(self, handle: Handle) -> bytes:
        try:
            answer = await self._wire.exchange(
                "GET", f"jobs/{handle}/image", max_bytes=MAX_IMAGE_BYTES, seconds=2 * self._options.timeout
            )
        except TooLarge as error:
            raise RunFailed(f"the image is too large: {error}") from error
        self._look_at(answer)
        return answer.body

    def _look_at(self, answer: Answer) -> None:
        match answer.status:
            case 200:
                return
            case 404:
                raise Lost(self._wire.told(answer))
            case 429 | 503:
                raise RateLimited(self._wire.told(answer), retry_after(answer.headers))
            case _:
                raise Ambiguous(self._wire.told(answer))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask about a run until there is an answer: that the server is out of reach says nothing of the run."""
        until = monotonic() + self._options.patience
        tries = pauses(self._random)
        while True:
            try:
                return await ask()
            except (Lost, RunFailed):
                raise
            except ProviderError as error:
                if (left := until - monotonic()) <= 0:
                    patience = self._options.patience
                    raise Ambiguous(f"for {patience:g} s nobody could tell how the run goes: {error}") from error
                asked = error.retry_after if isinstance(error, RateLimited) else None
                pause = max(next(tries), asked or 0.0)
            await asyncio.sleep(min(pause, left))

    def _not_taken(self, answer: Answer) -> ProviderError:
        told = self._wire.told(answer)
        kind = NOT_TAKEN.get(answer.status, Ambiguous)
        if kind is RateLimited:
            return RateLimited(told, retry_after(answer.headers))
        if answer.status in (409, 422):
            kind = REASONS.get(_reason_in(answer), kind)
        return kind(told)

    def _reason(self, run: Run) -> str:
        return f"{self.name} says {run.status}" + (f": {self._wire.clean(run.error)}" if run.error else "")

    async def _document(self, assignment: Assignment) -> bytes:
        """The body of a start: every member of the job, with its images in place of the references to them."""
        job = assignment.job
        references = [*job.images, *(image for net in job.control_nets for image in (net.image, net.mask) if image)]
        images: dict[str, bytes] = {}
        for reference in dict.fromkeys(references):
            images[reference] = await assignment.load(reference)
            if sum(map(len, images.values())) > MAX_INPUT_BYTES:
                raise Incapable(f"{self.name} is sent at most {MAX_INPUT_BYTES} bytes of images with a job")
        # Only images are enough work to be in the way of others.
        return await asyncio.to_thread(_encoded, job, images) if images else _encoded(job, images)


def _encoded(job: ImageJob, images: Mapping[str, bytes]) -> bytes:
    inline = {reference: base64.b64encode(data).decode() for reference, data in images.items()}
    nets = [
        {**msgspec.structs.asdict(net), "image": inline.get(net.image or ""), "mask": inline.get(net.mask or "")}
        for net in job.control_nets
    ]
    # Member by member, so that those with default values are there as well: a server need not know the defaults.
    members = {**msgspec.structs.asdict(job), "images": [inline[image] for image in job.images], "control_nets": nets}
    return msgspec.json.encode({"version": VERSION, "job": members})


def _reason_in(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=_Problem).reason
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


class _Problem(msgspec.Struct, frozen=True):
    reason: str = ""
