"""One job, from the first offer to its image or its failure.

    offers -> permit -> claim + attempt (durable) -> start -> handle (durable) -> watch -> bytes kept -> settled

Every arrow that says durable is a commit that is awaited before the next thing happens.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from palio import __version__
from palio.blobs.images import UnreadableImage
from palio.blobs.inputs import BadImage
from palio.contract.document import Blob, Job, JobAttempt, Step
from palio.contract.identity import new_id
from palio.contract.image.job import ImageJob
from palio.contract.instant import now
from palio.contract.status import Status
from palio.engine.lifecycle import finish, reopen
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
from palio.store.ledger import Attempt, AttemptStatus, Settlement, storable

if TYPE_CHECKING:
    from palio.engine.workflow_run import WorkflowRun

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)
CANCEL_SECONDS = 1.0
"""How long a provider may take to confirm that it stopped."""


@dataclass(slots=True)
class JobRun:
    """A job on its way. `limit` is its step's time-out.

    `earlier` are its attempts by a process that is gone, oldest first.
    """

    run: "WorkflowRun"
    step: Step
    job: Job
    image_job: ImageJob
    blob: Blob
    retries: int
    limit: asyncio.Timeout
    earlier: Sequence[Attempt] = ()
    _failed_at: set[str] = field(default_factory=set)
    _not_accepted_by: dict[str, str] = field(default_factory=dict)

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
            self._mark_failed(failure)
            await self.run.save()
        except Exception:
            # The workflow ends here. The task group cancels the other jobs now, and each has to tell its provider.
            self.run.is_breaking = True
            raise

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
            if await self._claim(attempt):
                await self._attempt(attempt, room.providers[offer.provider])
        finally:
            permits.release()

    async def _claim(self, attempt: Attempt) -> bool:
        ledger = self.run.room.ledger
        try:
            return await ledger.claim(attempt, attempt.started_at + LEASE, self.run.state())
        except asyncio.CancelledError:
            # The claim is under way to the store and may well be won, but the provider was never called: a next
            # process must not take that for a start that nobody knows the end of.
            self._show_end(attempt, AttemptStatus.canceled)
            await ledger.settle(attempt.id, Settlement(AttemptStatus.canceled), self.run.state())
            raise

    def _offers(self) -> list[Offer]:
        """What providers offer, best first. Raises Unmakeable with everyone's reason when nobody is left."""
        providers = self.run.room.providers
        answers = [self._offer(provider) for provider in providers.values()]
        offers = [answer for answer in answers if isinstance(answer, Offer)]
        stand_ins = {name for name, provider in providers.items() if provider.stand_in}
        # Ranked before those that did not accept are left out: a stand-in does not step in for an outage.
        ranked = rank(offers, tried=self._failed_at, stand_ins=stand_ins)
        left = [offer for offer in ranked if offer.provider not in self._not_accepted_by]
        if not left:
            reasons = [f"{offer.provider}: {self._not_accepted_by[offer.provider]}" for offer in ranked]
            reasons += [f"{answer.provider}: {answer.reason}" for answer in answers if isinstance(answer, Unable)]
            raise Unmakeable("no_provider_available", "; ".join(reasons) or "no provider is configured")
        # Who failed has a place free at once: it would use up the retries while the others are only busy.
        return [offer for offer in left if offer.provider not in self._failed_at] or left

    def _offer(self, provider: Provider) -> Offer | Unable:
        try:
            return provider.offer(self.image_job)
        except Exception as error:
            log.exception("provider %s broke on being asked about job %s", provider.name, self.job.id)
            return Unable(provider.name, told(error))

    async def _permit(self, line: list[Permits]) -> Permits:
        for permits in line:
            if permits.try_take():
                return permits
        # Nobody is free: let the owner see that the job is in line.
        self.job.status = Status.scheduled
        await self.run.save()
        return await take_first(line)

    async def _attempt(self, attempt: Attempt, provider: Provider, handle: str | None = None) -> None:
        """Run the job at one provider, or go on with the run that `handle` names, and settle what came of it."""
        assignment = Assignment(attempt.id, self.image_job, self.run.room.inputs.load)
        try:
            if handle is None:
                handle = await provider.start(assignment)
                if provider.resumable:
                    await self._remember(attempt, handle)
            made = await self._watch(provider, handle, assignment)
            try:
                await self._finish(attempt, made)
            except asyncio.CancelledError:
                if not self.job.status.is_final:
                    # Its bytes were being written. It has come and may be paid for: it is kept all the same.
                    with suppress(ProviderError):
                        await self._finish(attempt, made)
                raise
        except ProviderError as error:
            await self._unsuccessful(attempt, error)
        except asyncio.CancelledError:
            if self._is_interrupted():
                await self._stop(attempt, handle)
            raise
        except BadImage as error:
            await self._unsuccessful(attempt, InvalidJob(str(error)))
        except Exception as error:
            log.exception("provider %s broke on job %s", provider.name, self.job.id)
            # An adapter that breaks says nothing about the run, which may be going on and paid for.
            kind = RunFailed if provider.free else Ambiguous
            await self._unsuccessful(attempt, kind(f"{type(error).__name__}: {error}"))

    async def _remember(self, attempt: Attempt, handle: str) -> None:
        try:
            await self.run.room.ledger.accepted(attempt.id, handle)
        except Exception:
            # The run goes on, and here it can be followed. Only a next process could not; it would not repeat it.
            log.exception("the handle of job %s at %s could not be kept", self.job.id, attempt.provider)

    async def _take_up(self, attempt: Attempt) -> None:
        """Go on with an attempt of a process that is gone: never start it a second time if that could be paid."""
        provider = self.run.room.providers.get(attempt.provider)
        if provider is not None and provider.resumable and attempt.handle is not None:
            try:
                permits = await take_first([self.run.room.permits[provider.name]])
            except asyncio.CancelledError:
                if self._is_interrupted():
                    await self._stop(attempt, attempt.handle)
                raise
            try:
                self._show(attempt, Status.processing)
                await self._attempt(attempt, provider, attempt.handle)
            finally:
                permits.release()
        elif provider is not None and provider.free:
            lost = Lost("the server stopped during this run")
            self._show_end(attempt, AttemptStatus.lost, lost)
            settlement = Settlement(AttemptStatus.lost, lost.name, told(lost), 0.0)
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
        try:
            await room.ledger.settle(attempt.id, settlement, self.run.state(), file, kept.sync)
        except Exception as error:
            self.blob.available = False
            reopen(self.run.document, self.step, self.job)
            raise NotKept(str(error)) from error

    async def _unsuccessful(self, attempt: Attempt, error: ProviderError) -> None:
        """Settle a failed attempt; the kind of failure decides whether another provider may try."""
        self._failed_at.add(attempt.provider)
        failure: Unmakeable | None = None
        match error:
            case NotAccepted():
                self._not_accepted_by[attempt.provider] = told(error)
            case Refused():
                failure = Unmakeable("blocked", str(error))
            case InvalidJob() | Ambiguous() | NotKept():
                failure = Unmakeable(error.name, str(error))
            case _:
                self.retries -= 1
                if self.retries < 0:
                    failure = Unmakeable("failed", str(error))
        self._show_end(attempt, AttemptStatus.failed, error)
        settlement = Settlement(AttemptStatus.failed, error.name, told(error))
        if failure is not None:
            self._mark_failed(failure)
        await self.run.room.ledger.settle(attempt.id, settlement, self.run.state())

    async def _stop(self, attempt: Attempt, handle: str | None) -> None:
        """Tell the provider to stop, then record it; runs while this task is being cancelled."""
        if self.job.status.is_final:
            return  # The result came first and is on its way to the store.
        self._show_end(attempt, AttemptStatus.canceled)
        await stop(self.run.room, attempt, handle)

    def _mark_failed(self, failure: "Unmakeable") -> None:
        finish(self.job, Status.failed, now())
        detail = told(failure)
        self.job.reason = failure.reason
        if failure.reason == "blocked":
            self.job.blocked_reason = self.blob.blocked_reason = detail
        if self.step.output is not None:
            self.step.output.errors = [*(self.step.output.errors or []), f"{failure.reason}: {detail}"]

    def _is_interrupted(self) -> bool:
        return self.run.cancelling or self.run.is_breaking or self.limit.expired()

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
            detail=told(error) if error is not None else None,
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
        except Exception as error:
            detail = f"cancel was asked for but not confirmed: {told(error)}"
            log.warning("provider %s did not confirm the cancel of %s: %s", provider.name, handle, error)
    await room.ledger.settle(attempt.id, Settlement(AttemptStatus.canceled, detail=detail))


def told(error: Exception) -> str:
    """What an error says, as it is kept and shown."""
    return storable(str(error) or type(error).__name__)


class NotKept(ProviderError):
    """The image was made but could not be stored: to have it made again would be to pay for it again."""

    name = "not_kept"


class Unmakeable(Exception):
    """No provider will make this job: `reason` is the contract's word, the message a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
