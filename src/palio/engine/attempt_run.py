"""One attempt: one provider's run of one job, from the claim to its settlement.

    claim (durable) -> start -> handle (durable) -> watch -> bytes kept -> settled (durable)

Every arrow that says durable is a commit that is awaited before the next thing happens.
"""

import asyncio
import logging
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from palio import __version__
from palio.blobs.images import UnreadableImage
from palio.blobs.inputs import BadImage
from palio.blobs.service import Kept
from palio.contract.instant import now
from palio.contract.status import Status
from palio.engine.lifecycle import finish, reopen
from palio.engine.showing import show_end, show_no_more, show_start, told
from palio.engine.stopping import stop
from palio.engine.together import never, undisturbed
from palio.providers.base import (
    Ambiguous,
    Assignment,
    InvalidJob,
    Lost,
    Made,
    NotAccepted,
    Progress,
    Provider,
    ProviderError,
    RunFailed,
)
from palio.race.entry import Entry
from palio.race.failures import Effect, Judgement, Next
from palio.store.files import KeptFile
from palio.store.ledger import Attempt, AttemptStatus, Report, Settlement

if TYPE_CHECKING:
    from palio.engine.job_run import JobRun

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)
FIND_PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds between questions about a run whose answer was lost."""

SURE_AFTER = 2
"""How often in a row a provider has to say that it has no such run: the request may still have been on its way."""


class AttemptRun:
    """An attempt under way. `is_resumed` says that a process that is gone began it."""

    def __init__(
        self, job_run: "JobRun", attempt: Attempt, provider: Provider, entry: Entry, *, is_resumed: bool = False
    ) -> None:
        self.attempt = attempt
        self.entry = entry
        self._job_run = job_run
        self._provider = provider
        self._room = job_run.run.room
        self._handle = attempt.handle
        self._is_resumed = is_resumed
        self._is_ending = False

    async def claim(self) -> bool:
        """Put the attempt on record, and with it win the job; False if the job was over before. Raises Overtaken."""
        attempt, ledger, job_run = self.attempt, self._room.ledger, self._job_run
        if job_run.run.is_stopping:
            self.entry.withdrawn()
            await never()  # The next process goes on from here.
        self._show()
        try:
            has_won = await ledger.claim(attempt, attempt.started_at + LEASE, job_run.run.state())
            if has_won and job_run.job.status.is_final:
                await self._settle(AttemptStatus.canceled)
        except asyncio.CancelledError:
            # The claim is under way to the store and may well be won, but the provider was never called: a next
            # process must not take that for a start that nobody knows the end of.
            self.entry.withdrawn()
            await undisturbed(self._take_claim_back())
            raise
        except BaseException:
            self.entry.withdrawn()
            raise
        if job_run.job.status.is_final:
            self.entry.withdrawn()
            if not has_won:
                show_no_more(job_run.job, attempt)
                job_run.run.change()
            return False
        if not has_won:
            self.entry.withdrawn()
            raise job_run.run.overtaken(f"job {attempt.job_id} is claimed by another process")
        return True

    async def _take_claim_back(self) -> None:
        if self._job_run.run.is_overtaken:
            return
        try:
            await self._settle(AttemptStatus.canceled)
        except Exception:
            log.exception("the claim of job %s could not be taken back", self.attempt.job_id)

    async def to_the_end(self) -> None:
        """Start or find the run, follow it, keep what it made, and settle what came of it."""
        if self._is_resumed:
            self._show()
        try:
            if self._would_be_lost:
                self._room.unheard.add(self)
            handle = await self._begin()
            if not self._provider.synchronous:
                self._room.unheard.discard(self)
            made = await self._watch(handle)
            try:
                await self._keep(made)
            except asyncio.CancelledError:
                if not self._is_ending:
                    # Its bytes were being written. It has come and may be paid for: it is kept all the same.
                    with suppress(ProviderError):
                        await self._keep(made)
                raise
        except Overtaken:
            self.entry.withdrawn()
            raise
        except ProviderError as error:
            await self._fail(error)
        except asyncio.CancelledError:
            await self._stop()
            raise
        except BadImage as error:
            await self._fail(InvalidJob(str(error)))
        except Exception as error:
            log.exception("provider %s broke on job %s", self._provider.name, self.attempt.job_id)
            # An adapter that breaks says nothing about the run, which may be going on and paid for.
            kind = RunFailed if self._provider.free else Ambiguous
            await self._fail(kind(f"{type(error).__name__}: {error}"))
        finally:
            self._room.unheard.discard(self)

    async def let_go(self) -> None:
        """It was taken up, and will not be gone on with here."""
        await self._stop()

    @property
    def _would_be_lost(self) -> bool:
        """Whether a run would be paid for and not be known to a next process, if this one did not hear its answer."""
        return not (self._provider.free or self._provider.findable or self._is_resumed)

    async def _begin(self) -> str:
        """The handle of the run."""
        if self._handle is not None and self._provider.resumable:
            return self._handle
        if self._is_resumed:
            return await self._find_again()
        try:
            handle = await self._provider.start(self._assignment)
        except Ambiguous as error:
            if not self._provider.findable:
                raise
            handle = await self._find(error)
        await self._remember(handle)
        return handle

    async def _find_again(self) -> str:
        """The handle of a run that another process began, and of which it kept none."""
        if self._provider.findable:
            handle = await self._find(Ambiguous("the server stopped before the provider had answered"))
            await self._remember(handle)
            return handle
        if self._provider.free:
            raise Gone("the server stopped during this run")
        raise Ambiguous("the server stopped before the provider had answered")

    async def _find(self, lost: Ambiguous) -> str:
        """The run by the attempt's id. Raises NotAccepted if there is none for sure, Ambiguous if nobody says."""
        denials = 0
        for pause in (*FIND_PAUSES, None):
            try:
                handle = await self._provider.find(self.attempt.id)
            except ProviderError as error:
                log.warning("provider %s cannot say what became of %s: %s", self._provider.name, self.attempt.id, error)
            else:
                if handle is not None:
                    return handle
                denials += 1
                if denials >= SURE_AFTER:
                    raise NotAccepted(f"{self._provider.name} never had the job: {lost}")
            if pause is not None:
                await asyncio.sleep(pause)
        raise lost

    async def _remember(self, handle: str) -> None:
        self._handle = handle
        self._job_run.was_accepted()
        if not self._provider.resumable:
            return
        try:
            await self._room.ledger.accepted(self.attempt.id, handle)
        except Exception:
            # The run goes on, and here it can be followed. Only a next process could not; it would not repeat it.
            log.exception("the handle of job %s at %s could not be kept", self.attempt.job_id, self._provider.name)

    async def _watch(self, handle: str) -> Made:
        async with aclosing(self._provider.watch(handle, self._assignment)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Progress):
                    self._job_run.progressed(self, event)
                else:
                    return event
        raise RunFailed(f"{self._provider.name} ended without an image")

    async def _keep(self, made: Made) -> None:
        """Keep the bytes, then let the job, and whatever that completes, succeed; unless another attempt did."""
        job_run = self._job_run
        if not job_run.wins(self):
            self.entry.succeeded(made.cost)
            await undisturbed(self._settle(AttemptStatus.surplus, cost=made.cost))
            return
        try:
            kept = await self._room.blobs.keep(
                job_run.blob.id,
                made.data,
                format=job_run.image_job.format,
                image_metadata=job_run.image_job.image_metadata,
                provenance={"Software": f"Palio {__version__}", "Provider": self._provider.name, **made.provenance},
            )
        except UnreadableImage as error:
            job_run.gives_up(self)
            raise RunFailed(f"what {self._provider.name} returned is no image: {error}") from error
        except Exception as error:
            job_run.gives_up(self)
            raise NotKept(str(error)) from error
        await undisturbed(self._succeed(made, kept))

    async def _succeed(self, made: Made, kept: Kept) -> None:
        """The image is there: let the job succeed, and with it whatever that completes."""
        job_run = self._job_run
        at, blob = now(), job_run.blob
        blob.available = True
        blob.width, blob.height = kept.width, kept.height
        blob.nsfw_level = made.nsfw_level
        finish(job_run.job, Status.succeeded, at)
        file = KeptFile(
            id=blob.id,
            account=job_run.run.stored.account,
            media_type=kept.media_type,
            size=kept.size,
            created_at=at,
            expires_at=at + self._room.retention,
            workflow_id=self.attempt.workflow_id,
            job_id=self.attempt.job_id,
            width=kept.width,
            height=kept.height,
            nsfw_level=made.nsfw_level,
            data=kept.data,
        )
        job_run.job.provider = self._provider.name
        show_end(job_run.job, self.attempt, AttemptStatus.succeeded, cost=made.cost)
        settlement = Settlement(AttemptStatus.succeeded, settled=made.cost)
        self._is_ending = True
        state = job_run.run.state()
        is_last = state.status.is_final  # as it is saved: until that is done, other jobs may change it
        try:
            report = await self._room.ledger.settle(
                self.attempt.id, settlement, state, file, kept.sync, rival_of=job_run.contested
            )
        except Exception as error:
            self._is_ending = False
            blob.available = False
            reopen(job_run.run.document, job_run.step, job_run.job)
            job_run.gives_up(self)
            raise NotKept(str(error)) from error
        if report is not Report.counted:
            raise job_run.run.overtaken(f"job {self.attempt.job_id} was brought to its end by another process")
        self.entry.succeeded(made.cost)
        if is_last:
            # What lost the race may still have to be stopped; who waits for the image need not wait for that.
            job_run.run.announce()

    async def _fail(self, error: ProviderError) -> None:
        """Settle a failed attempt; the kind of failure decides what becomes of its job."""
        status = AttemptStatus.lost if isinstance(error, Gone) else AttemptStatus.failed
        judgement = self._judge(error)
        show_end(self._job_run.job, self.attempt, status, error)
        self._job_run.failed(self, error, judgement)
        await self._settle(status, error, with_state=True)

    def _judge(self, error: ProviderError) -> Judgement:
        was_never_sent = self._is_resumed and isinstance(error, NotAccepted)
        if was_never_sent or isinstance(error, (NotKept, Gone)):
            self.entry.withdrawn()  # which is nothing that its provider did
            return Judgement(Next.fail if isinstance(error, NotKept) else Next.another, Effect.none)
        return self.entry.failed(error)

    async def _stop(self) -> None:
        """While this task is being cancelled: tell the provider to stop, unless the server stops and it goes on."""
        if self._is_ending or not self._job_run.is_called_off(self):
            self.entry.withdrawn()  # Its end is on record, or the next process goes on with it.
            return
        if self._job_run.has_expired:
            self.entry.timed_out()
        else:
            self.entry.abandoned()
        self._is_ending = True
        await undisturbed(stop(self._job_run.run, self.attempt, self._job_run.job, self._handle))

    async def _settle(
        self,
        status: AttemptStatus,
        error: ProviderError | None = None,
        *,
        cost: float | None = None,
        with_state: bool = False,
    ) -> None:
        if not with_state:
            show_end(self._job_run.job, self.attempt, status, error, cost=cost)
        self._is_ending = True
        settlement = Settlement(
            status,
            error=None if error is None else error.name,
            detail=None if error is None else told(error),
            settled=0.0 if isinstance(error, Gone) else cost,
        )
        report = await self._room.ledger.settle(self.attempt.id, settlement, self._job_run.run.state())
        if report is Report.stale and status is not AttemptStatus.canceled:
            raise self._job_run.run.overtaken(f"attempt {self.attempt.id} is held by another process")

    @property
    def _assignment(self) -> Assignment:
        return Assignment(self.attempt.id, self._job_run.image_job, self._room.inputs.load)

    def _show(self) -> None:
        job = self._job_run.job
        job.status = Status.processing
        job.started_at = job.started_at or self.attempt.started_at
        job.provider = self.attempt.provider
        show_start(job, self.attempt, self.entry.contender.offer.rounded_to)


class NotKept(ProviderError):
    """The image was made but could not be stored: to have it made again would be to pay for it again."""

    name = "not_kept"


class Gone(Lost):
    """A run that cost nothing went with the process that began it."""


class Overtaken(Exception):
    """Another process runs this workflow now: this one must change nothing any more."""
