"""One job, from the first offer to its image or its failure.

    offers -> line-up -> place -> attempt (and perhaps a hedge) -> image, or the next round

A round ends with the job over, or with what it takes to begin another: a provider less, a retry less, some patience
less. What the attempts do is in `attempt_run`, how two of them run side by side in `heat`.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from palio.contract.document import Blob, Decline, Job, Step
from palio.contract.identity import new_id
from palio.contract.image.job import ImageJob
from palio.contract.instant import now
from palio.contract.status import Status
from palio.contract.steering import Steering
from palio.engine.attempt_run import LEASE, AttemptRun
from palio.engine.heat import Heat
from palio.engine.lifecycle import finish
from palio.engine.outlook import Outlook
from palio.engine.showing import show_end, told
from palio.engine.stopping import stop
from palio.engine.together import undisturbed
from palio.providers.base import (
    Ambiguous,
    Incapable,
    InvalidJob,
    KeyRefused,
    NotAccepted,
    Offer,
    Progress,
    Provider,
    ProviderError,
    RateLimited,
    Refused,
    Unable,
    Unfunded,
    Why,
)
from palio.race.contest import Contest
from palio.race.entry import Task
from palio.race.failures import Judgement, Next
from palio.race.score import Contender, Start
from palio.store.ledger import Attempt, AttemptStatus, Settlement

if TYPE_CHECKING:
    from palio.engine.workflow_run import WorkflowRun

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.5, 30.0
"""Seconds before everyone who did not accept the job is asked again: at first, doubling, and at most."""


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
    steering: Steering
    task: Task
    earlier: Sequence[Attempt] = ()
    offers: list[Offer] = field(default_factory=list)
    """What was offered in the latest round, by everyone who may be asked."""
    _fence: int = 0
    _rate: float | None = None
    _ahead: int | None = None
    _preparing: dict[AttemptRun, float] = field(default_factory=dict)
    _winner: AttemptRun | None = None
    _verdict: "Unmakeable | None" = None
    _running: list[AttemptRun] = field(default_factory=list)
    _contest: Contest | None = None
    _starts: Sequence[Start] = ()
    _failed_at: set[str] = field(default_factory=set)
    _incapable: dict[str, Unable] = field(default_factory=dict)
    _not_accepted: dict[str, Unable] = field(default_factory=dict)
    _waited: float = 0.0
    _pause: float = FIRST_PAUSE

    async def to_the_end(self) -> None:
        """Race the job among the providers until it is over."""
        self._fence = max((attempt.fence for attempt in self.earlier), default=0)
        self.run.job_runs[self.job.id] = self
        try:
            await self._take_up()
            while not self.job.status.is_final:
                await self._round()
        except Unmakeable as failure:
            self._mark_failed(failure)
            await self.run.save()
        finally:
            del self.run.job_runs[self.job.id]

    async def _round(self) -> None:
        """Everyone offers, one wins the job and runs it."""
        contenders = self._contenders()
        if not contenders:
            await self._be_patient(list(self._not_accepted.values()))
            return
        starts = self.run.room.field.line_up(contenders, self.task)
        start = await self._win_place(starts)
        if start is not None and (attempt := await self.enter(start.contender)) is not None:
            await self._run(attempt)

    async def enter(self, contender: Contender, *, hedge: bool = False) -> AttemptRun | None:
        """Claim the job for a contender at whom a place was taken; None if the job is over by then."""
        room = self.run.room
        self._fence += 1
        entry = room.field.started(contender, self.task, hedge=hedge)
        offer = contender.offer
        attempt = Attempt(
            id=new_id(),
            workflow_id=self.run.stored.id,
            job_id=self.job.id,
            provider=offer.provider,
            model=offer.model,
            fence=self._fence,
            started_at=now(),
            quoted=offer.price,
            hedge=hedge,
        )
        attempt_run = AttemptRun(self, attempt, room.providers[offer.provider], entry)
        if not await attempt_run.claim():
            return None
        if hedge:
            self._running.append(attempt_run)
        return attempt_run

    @property
    def contested(self) -> str | None:
        """The job's id, if it had more than one attempt."""
        return self.job.id if self._fence > 1 else None

    def wins(self, attempt: AttemptRun) -> bool:
        """An attempt has an image; False if another had one first."""
        if self._winner is None and not self.job.status.is_final:
            self._winner = attempt
        return self._winner is attempt

    @property
    def has_image(self) -> bool:
        """Whether an image came, which is being kept or was."""
        return self._winner is not None

    def gives_up(self, attempt: AttemptRun) -> None:
        """What an attempt had was no image after all."""
        if self._winner is attempt:
            self._winner = None

    def was_accepted(self) -> None:
        """A provider took the job on."""
        self._waited = 0.0
        self._pause = FIRST_PAUSE

    def progressed(self, attempt: AttemptRun, progress: Progress) -> None:
        """A provider says how far its run is, how many are before it, or how far what it needs first has come."""
        if progress.is_preparing:
            self._preparing[attempt] = min(1.0, max(0.0, progress.rate))
            attempt.entry.prepares()
            return
        self._preparing.pop(attempt, None)
        self._ahead = progress.ahead
        if progress.rate > 0:  # else it says nothing, and the age of the run says more
            self._rate = max(self._rate or 0.0, min(1.0, progress.rate))

    def failed(self, attempt: AttemptRun, error: ProviderError, judgement: Judgement) -> None:
        """An attempt came to nothing; what follows from that is done unless another still runs."""
        provider, self._rate, self._ahead = attempt.attempt.provider, None, None
        self._preparing.pop(attempt, None)
        match judgement.next:
            case Next.another if isinstance(error, Incapable):
                self._incapable[provider] = Unable(provider, told(error), Why.cannot)
            case Next.another if attempt.entry.contender.offer in self.offers and not isinstance(error, RateLimited):
                self._not_accepted[provider] = Unable(provider, told(error), Why.unavailable)
            case Next.another:
                pass  # Its gate holds it back, or it had nothing to do with it.
            case Next.retry:
                self._failed_at.add(provider)
                self.retries -= 1
                if self.retries < 0:
                    self._verdict = Unmakeable("failed", str(error))
            case Next.block:
                self._verdict = Unmakeable("blocked", str(error))
            case Next.fail:
                self._verdict = Unmakeable(error.name, str(error))
        self._running = [other for other in self._running if other is not attempt]
        is_final_for_all = isinstance(error, (Refused, InvalidJob)) and judgement.next is not Next.retry
        # Where another attempt has an image that is being kept, that decides.
        if self._verdict is not None and self._winner is None and (is_final_for_all or not self._running):
            self._mark_failed(self._verdict)

    def is_called_off(self, attempt: AttemptRun) -> bool:
        """Whether an attempt that is being cancelled is to stop for good, and not only here with the server."""
        has_lost = self._winner not in (None, attempt) or self.job.status.is_final
        return not self.run.is_overtaken and (has_lost or self._is_over_for_all)

    @property
    def has_expired(self) -> bool:
        """Whether the step's time is up."""
        return self.limit.expired()

    def stop_clock(self) -> None:
        """The job is being called off: its step does not expire any more."""
        with suppress(RuntimeError):  # of a time-out that has just passed
            self.limit.reschedule(None)

    @property
    def _is_over_for_all(self) -> bool:
        """Whether what is cancelled now is so for good: there is one other cause, and that is known."""
        return not self.run.is_stopping or self.run.cancelling or self.has_expired

    @property
    def outlook(self) -> Outlook:
        """How far the job is, or when it may begin."""
        if self._running:
            first = self._running[0]
            running = first.entry.running
            if self._preparing and all(attempt in self._preparing for attempt in self._running):
                age = (now() - first.attempt.started_at).total_seconds()
                preparation, mean = running.contender.offer.preparation, running.contender.estimate.mean
                return Outlook.of_preparing(self._preparing[first], age, preparation, mean)
            return Outlook.of_running(self._rate, self._ahead, running.age, running.contender.estimate.mean)
        if self._contest is None:
            return Outlook(rate=self._rate)
        nearest = min((start.contender for start in self._starts), key=lambda contender: contender.delay)
        ahead, mean = self._contest.ahead(), nearest.estimate.mean
        delay, offer = nearest.delay, nearest.offer
        if ahead is not None:
            delay = offer.preparation + (ahead + 1) * mean / self.run.room.field.gate(offer.provider).limit
        return Outlook(preceding=ahead, starts_in=delay, ends_in=delay + mean)

    async def _run(self, *attempts: AttemptRun) -> None:
        self._running = list(attempts)
        try:
            if len(attempts) == 1 and not self.task.hedge:
                await attempts[0].to_the_end()
            else:
                await Heat(self, attempts).to_the_end()
        finally:
            self._running, self._rate, self._ahead = [], None, None
            self._preparing.clear()

    def _contenders(self) -> list[Contender]:
        """Who may run the job, as they stand; nobody if everyone who offered has just declined.

        Raises Unmakeable with everyone's reason when nobody could.
        """
        room = self.run.room
        answers = [self._offer(provider) for provider in room.providers.values()]
        self.offers, declined = room.field.sift(answers, self.steering)
        if not self.offers:
            raise self._nobody([*self._not_accepted.values(), *declined])
        # Only now are those left out that did not accept: a stand-in does not step in for an outage.
        left = [offer for offer in self.offers if offer.provider not in self._not_accepted]
        # Who failed has a place free at once: it would use up the retries while the others are only busy.
        fresh = [offer for offer in left if offer.provider not in self._failed_at] or left
        return room.field.contenders(fresh, self.task.work)

    @property
    def rivals(self) -> list[Offer]:
        """The offers of those with whom a second attempt could be made."""
        avoided = self._failed_at | self._not_accepted.keys()
        return [offer for offer in self.offers if offer.provider not in avoided]

    def _offer(self, provider: Provider) -> Offer | Unable:
        if provider.name in self._incapable:
            return self._incapable[provider.name]
        try:
            return provider.offer(self.image_job)
        except Exception as error:
            log.exception("provider %s broke on being asked about job %s", provider.name, self.job.id)
            return Unable(provider.name, told(error), Why.broken)

    async def _win_place(self, starts: Sequence[Start], *, may_be_barred: bool = False) -> Start | None:
        """A place at one of the contenders; None if they have to be lined up anew."""
        race = self.run.room.field
        future: asyncio.Future[Start | None] = asyncio.get_running_loop().create_future()

        def decide(start: Start | None) -> bool:
            # It is done if this job is being cancelled, and has not had the time yet to leave the line.
            if future.done():
                return False
            future.set_result(start)
            return True

        contest = race.contest(starts, self.task, won=decide, barred=None if may_be_barred else lambda: decide(None))
        if (start := contest.try_now()) is not None:
            return start
        if not may_be_barred and all(race.barred_for(start.offer) for start in starts):
            left_alone = [Unable(start.offer.provider, _LEFT_ALONE, Why.unavailable) for start in starts]
            await self._be_patient(left_alone, min(race.barred_for(start.offer) for start in starts))
            return None
        # Nobody is free: let the owner see that the job is in line.
        self.job.status = Status.scheduled
        self._contest, self._starts = contest, starts
        try:
            contest.enter()
            await self.run.save()
            return await future
        except BaseException:
            contest.leave()
            if future.done() and not future.cancelled() and (won := future.result()) is not None:
                race.gate(won.offer.provider).release()
            raise
        finally:
            self._contest, self._starts = None, ()

    async def _be_patient(self, unable: Sequence[Unable], seconds: float | None = None) -> None:
        """Wait, for so long if that is known, before those who do not accept the job are asked again.

        Raises Unmakeable when that was often enough.
        """
        left = self.run.room.rules.patience.total_seconds() - self._waited
        if left <= 0:
            raise self._nobody(unable)
        if self.job.status is not Status.scheduled:
            self.job.status = Status.scheduled
            await self.run.save()
        if seconds is None:
            seconds = self._pause * self.run.room.field.random.uniform(0.5, 1.5)
            self._pause = min(2 * self._pause, LAST_PAUSE)
        seconds = min(seconds, left)
        await asyncio.sleep(seconds)
        self._waited += seconds
        self._not_accepted.clear()

    def _nobody(self, unable: Sequence[Unable]) -> "Unmakeable":
        unable = sorted(unable, key=lambda each: each.provider)
        self.job.declined = [
            Decline(provider=each.provider, why=each.why.value, detail=each.reason[:1000]) for each in unable
        ]
        reasons = "; ".join(f"{each.provider}: {each.reason}" for each in unable)
        return Unmakeable("no_provider_available", reasons or "no provider is configured")

    def _mark_failed(self, failure: "Unmakeable") -> None:
        finish(self.job, Status.failed, now())
        detail = told(failure)
        self.job.reason = failure.reason
        if failure.reason == "blocked":
            self.job.blocked_reason = self.blob.blocked_reason = detail
        if self.step.output is not None:
            self.step.output.errors = [*(self.step.output.errors or []), f"{failure.reason}: {detail}"]

    async def _take_up(self) -> None:
        """Go on with the attempts of a process that is gone."""
        for attempt in self.earlier:
            if attempt.status is AttemptStatus.failed and attempt.error not in _USE_NO_RETRY:
                self._failed_at.add(attempt.provider)
                self.retries -= 1
        resumed: list[AttemptRun] = []
        open_ = [attempt for attempt in self.earlier if attempt.is_open]
        for index, attempt in enumerate(open_):
            try:
                attempt_run = await self._resume(attempt, waits=not resumed)
            except BaseException:
                await undisturbed(self._let_go(resumed, open_[index + 1 :]))
                raise
            if attempt_run is not None:
                resumed.append(attempt_run)
        if resumed:
            await self._run(*resumed)
        elif self._verdict is not None:
            raise self._verdict

    async def _let_go(self, resumed: Sequence[AttemptRun], others: Sequence[Attempt]) -> None:
        """Taking up was cut off: the attempts beside the one that was being taken up are not forgotten."""
        for attempt_run in resumed:
            await attempt_run.let_go()
        if not self.run.is_overtaken and self._is_over_for_all:
            for attempt in others:
                await self.run.stop_left(attempt, self.job)

    async def _resume(self, attempt: Attempt, *, waits: bool) -> AttemptRun | None:
        """Hold an attempt from now on, and take a place for it; None if nobody can say any more what became of it.

        The second attempt of a job does not wait for its place: two jobs could wait for what the other one has.
        """
        room = self.run.room
        try:
            if not await room.ledger.adopt(attempt.id, now() + LEASE):
                raise self.run.overtaken(f"attempt {attempt.id} was settled by another process")
            provider = room.providers.get(attempt.provider)
            if provider is None:
                gone = Ambiguous(f"there is no provider {attempt.provider} any more to ask what became of the run")
                show_end(self.job, attempt, AttemptStatus.failed, gone)
                settlement = Settlement(AttemptStatus.failed, gone.name, told(gone))
                await room.ledger.settle(attempt.id, settlement, self.run.state())
                self._verdict = Unmakeable(gone.name, told(gone))
                return None
            answer = self._offer(provider)
            offer = answer if isinstance(answer, Offer) else Offer(provider.name, 1.0, attempt.quoted, attempt.model)
            [contender] = room.field.contenders([offer], self.task.work)
            if waits:
                await self._win_place([Start(contender, 0.0)], may_be_barred=True)
            else:
                room.field.gate(provider.name).take_over()
        except asyncio.CancelledError:
            if not self.run.is_overtaken and self._is_over_for_all:
                await undisturbed(stop(self.run, attempt, self.job, attempt.handle))
            raise
        entry = room.field.resumed(contender, self.task, (now() - attempt.started_at).total_seconds())
        return AttemptRun(self, attempt, provider, entry, is_resumed=True)


_USE_NO_RETRY = frozenset(kind.name for kind in (NotAccepted, RateLimited, Unfunded, KeyRefused, Incapable))

_LEFT_ALONE = "it is left alone for a while after faults"


class Unmakeable(Exception):
    """No provider will make this job: `reason` is the contract's word, the message a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
