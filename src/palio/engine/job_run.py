"""One job, from the first offer to its image or its failure.

    offers -> permit -> claim + attempt (durable) -> start -> handle (durable) -> watch -> bytes kept -> settled

Every arrow that says durable is a commit that is awaited before the next thing happens.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from palio import __version__
from palio.blobs.images import UnreadableImage
from palio.contract.document import Blob, Job, JobAttempt, Step
from palio.contract.identity import new_id
from palio.contract.image.job import ImageJob
from palio.contract.instant import now
from palio.contract.status import Status
from palio.engine.lifecycle import finish
from palio.engine.room import Room
from palio.errors import PalioError
from palio.providers.base import (
    Ambiguous,
    Assignment,
    InvalidJob,
    Lost,
    Made,
    NotAccepted,
    Offer,
    Progress,
    Provider,
    ProviderError,
    Refused,
    RunFailed,
    Unable,
)
from palio.race.permits import Permits, take_first
from palio.race.ranking import rank
from palio.store.files import KeptFile
from palio.store.ledger import Attempt, AttemptStatus, Settlement

if TYPE_CHECKING:
    from palio.engine.workflow_run import WorkflowRun

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)
CANCEL_SECONDS = 1.0
"""How long a provider may take to confirm that it stopped."""


@dataclass(slots=True)
class JobRun:
    """A job on its way. `earlier` are its attempts by a process that is gone, oldest first."""

    run: "WorkflowRun"
    step: Step
    job: Job
    image_job: ImageJob
    blob: Blob
    retries: int
    deadline: float
    earlier: Sequence[Attempt] = ()
    _tried: set[str] = field(default_factory=set)

    async def to_the_end(self) -> None:
        """Race the job among the providers until it is over."""
        fence = max((attempt.fence for attempt in self.earlier), default=0)
        try:
            if self.earlier and self.earlier[-1].is_open:
                await self._take_up(self.earlier[-1])
            while not self.job.status.is_final:
                fence += 1
                await self._race(fence)
        except Unmakeable as failure:
            await self._fail(failure.reason, failure.detail)

    async def _race(self, fence: int) -> None:
        """One round: everyone offers, one claims and runs."""
        room = self.run.room
        ranked = self._offers()
        line = [room.permits[offer.provider] for offer in ranked]
        permits = await self._permit(line)
        try:
            offer = next(offer for offer in ranked if offer.provider == permits.provider)
            attempt = Attempt(
                id=new_id(),
                workflow_id=self.run.stored.id,
                job_id=self.job.id,
                provider=offer.provider,
                fence=fence,
                started_at=now(),
                quoted=offer.price,
            )
            self._show(attempt, Status.processing)
            if await room.ledger.claim(attempt, attempt.started_at + LEASE, self.run.state()):
                await self._attempt(attempt, room.providers[offer.provider])
        finally:
            permits.release()

    def _offers(self) -> list[Offer]:
        answers = [provider.offer(self.image_job) for provider in self.run.room.providers.values()]
        offers = [answer for answer in answers if isinstance(answer, Offer)]
        stand_ins = {name for name, provider in self.run.room.providers.items() if provider.stand_in}
        ranked = rank(offers, tried=self._tried, stand_ins=stand_ins)
        if not ranked:
            reasons = [f"{answer.provider}: {answer.reason}" for answer in answers if isinstance(answer, Unable)]
            raise Unmakeable("no_provider_available", "; ".join(reasons) or "no provider is configured")
        return ranked

    async def _permit(self, line: list[Permits]) -> Permits:
        for permits in line:
            if permits.try_take():
                return permits
        # Nobody is free: let the owner see that the job is in line.
        self.job.status = Status.scheduled
        await self.run.save()
        return await take_first(line)

    async def _attempt(self, attempt: Attempt, provider: Provider) -> None:
        """Run the job at one provider and settle what came of it."""
        assignment = self._assignment(attempt)
        handle: str | None = None
        try:
            handle = await provider.start(assignment)
            if provider.resumable:
                await self.run.room.ledger.accepted(attempt.id, handle)
            await self._finish(attempt, await self._watch(provider, handle, assignment))
        except ProviderError as error:
            await self._unsuccessful(attempt, error)
        except asyncio.CancelledError:
            if self._is_interrupted():
                await self._stop(attempt, handle)
            raise
        except Exception as error:
            log.exception("provider %s broke on job %s", provider.name, self.job.id)
            await self._unsuccessful(attempt, RunFailed(f"{type(error).__name__}: {error}"))

    async def _take_up(self, attempt: Attempt) -> None:
        """Go on with an attempt of a process that is gone: never start it a second time if that could be paid."""
        provider = self.run.room.providers.get(attempt.provider)
        if provider is not None and provider.resumable and attempt.handle is not None:
            permits = await take_first([self.run.room.permits[provider.name]])
            try:
                self._show(attempt, Status.processing)
                assignment = self._assignment(attempt)
                await self._finish(attempt, await self._watch(provider, attempt.handle, assignment))
            except ProviderError as error:
                await self._unsuccessful(attempt, error)
            except asyncio.CancelledError:
                if self._is_interrupted():
                    await self._stop(attempt, attempt.handle)
                raise
            finally:
                permits.release()
        elif provider is not None and provider.free:
            self._show_end(attempt, AttemptStatus.lost, Lost("the server stopped during this run"))
            settlement = Settlement(AttemptStatus.lost, Lost.name, "the server stopped during this run", 0.0)
            await self.run.room.ledger.settle(attempt.id, settlement, self.run.state())
        else:
            await self._unsuccessful(attempt, Ambiguous("the server stopped before the provider had answered"))

    async def _watch(self, provider: Provider, handle: str, assignment: Assignment) -> Made:
        async with aclosing(provider.watch(handle, assignment)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Progress):
                    self.run.progress[self.job.id] = event.rate
                else:
                    return event
        raise RunFailed(f"{provider.name} ended without an image")

    async def _finish(self, attempt: Attempt, made: Made) -> None:
        """Keep the bytes, then let the job, and whatever that completes, succeed."""
        room = self.run.room
        try:
            kept = await room.blobs.keep(
                self.blob.id,
                made.data,
                format=self.image_job.format,
                image_metadata=self.image_job.image_metadata,
                provenance={"Software": f"Palio {__version__}", "Provider": attempt.provider, **made.provenance},
            )
        except UnreadableImage as error:
            raise RunFailed(f"what {attempt.provider} returned is no image: {error}") from error
        except PalioError as error:
            raise NotKept(str(error)) from error
        at = now()
        self.blob.available = True
        self.blob.width, self.blob.height = kept.width, kept.height
        self.blob.nsfw_level = made.nsfw_level
        finish(self.job, Status.succeeded, at)
        self._show_end(attempt, AttemptStatus.succeeded, cost=made.cost)
        file = KeptFile(
            id=self.blob.id,
            account=self.run.stored.account,
            media_type=kept.media_type,
            size=kept.size,
            created_at=at,
            expires_at=at + room.retention,
            workflow_id=self.run.stored.id,
            job_id=self.job.id,
            width=kept.width,
            height=kept.height,
            nsfw_level=made.nsfw_level,
            data=kept.data,
        )
        settlement = Settlement(AttemptStatus.succeeded, settled=made.cost)
        await room.ledger.settle(attempt.id, settlement, self.run.state(), file, kept.sync)

    async def _unsuccessful(self, attempt: Attempt, error: ProviderError) -> None:
        """Settle a failed attempt; the kind of failure decides whether another provider may try."""
        self._tried.add(attempt.provider)
        failure: Unmakeable | None = None
        match error:
            case NotAccepted():
                if self._tried >= {offer.provider for offer in self._offers()}:
                    failure = Unmakeable("no_provider_available", str(error))
            case Refused():
                failure = Unmakeable("blocked", str(error))
            case InvalidJob() | Ambiguous() | NotKept():
                failure = Unmakeable(error.name, str(error))
            case _:
                self.retries -= 1
                if self.retries < 0:
                    failure = Unmakeable("failed", str(error))
        self._show_end(attempt, AttemptStatus.failed, error)
        settlement = Settlement(AttemptStatus.failed, error.name, str(error)[:1000])
        if failure is not None:
            self._mark_failed(failure.reason, failure.detail)
        await self.run.room.ledger.settle(attempt.id, settlement, self.run.state())

    async def _stop(self, attempt: Attempt, handle: str | None) -> None:
        """Tell the provider to stop, then record it; runs while this task is being cancelled."""
        if self.job.status.is_final:
            return  # The result came first and is on its way to the store.
        self._show_end(attempt, AttemptStatus.canceled)
        await stop(self.run.room, attempt, handle)

    async def _fail(self, reason: str, detail: str) -> None:
        self._mark_failed(reason, detail)
        await self.run.save()

    def _mark_failed(self, reason: str, detail: str) -> None:
        finish(self.job, Status.failed, now())
        self.job.reason = reason
        if reason == "blocked":
            self.job.blocked_reason = detail
            self.blob.blocked_reason = detail
        output = self.step.output
        if output is not None:
            output.errors = [*(output.errors or []), f"{reason}: {detail}"]

    def _assignment(self, attempt: Attempt) -> Assignment:
        return Assignment(attempt.id, self.image_job, self.run.room.inputs.load)

    def _is_interrupted(self) -> bool:
        return self.run.cancelling or asyncio.get_running_loop().time() >= self.deadline

    def _show(self, attempt: Attempt, status: Status) -> None:
        self.job.status = status
        self.job.started_at = self.job.started_at or attempt.started_at
        self.job.provider = attempt.provider
        shown = JobAttempt(provider=attempt.provider, status="started", started_at=attempt.started_at)
        self.job.attempts = [*self._shown_before(attempt), shown]

    def _show_end(
        self, attempt: Attempt, status: AttemptStatus, error: ProviderError | None = None, cost: float | None = None
    ) -> None:
        self.run.progress.pop(self.job.id, None)
        shown = JobAttempt(
            provider=attempt.provider,
            status=status.value,
            started_at=attempt.started_at,
            completed_at=now(),
            error=error.name if error is not None else None,
            detail=str(error)[:1000] if error is not None else None,
            cost=cost,
        )
        self.job.attempts = [*self._shown_before(attempt), shown]

    def _shown_before(self, attempt: Attempt) -> list[JobAttempt]:
        return [shown for shown in self.job.attempts or [] if shown.started_at != attempt.started_at]


async def stop(room: Room, attempt: Attempt, handle: str | None) -> None:
    """Tell an attempt's provider to stop and record that, and whether, it did."""
    provider = room.providers.get(attempt.provider)
    detail: str | None = None
    if provider is not None and handle is not None:
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await provider.cancel(handle)
        except (TimeoutError, PalioError) as error:
            detail = f"cancel was asked for but not confirmed: {error}"
            log.warning("provider %s did not confirm the cancel of %s: %s", provider.name, handle, error)
    await room.ledger.settle(attempt.id, Settlement(AttemptStatus.canceled, detail=detail))


class NotKept(ProviderError):
    """The image was made but could not be stored: to have it made again would be to pay for it again."""

    name = "not_kept"


class Unmakeable(Exception):
    """No provider will make this job: `reason` is the contract's word, `detail` a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
