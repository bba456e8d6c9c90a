"""The race as a policy: what the server's engine does with a job, with the same field, step by step."""

from random import Random

from palio.contract.steering import NO_STEERING, Objective
from palio.providers.base import NotAccepted, Offer, RateLimited
from palio.race.entry import Entry, Task
from palio.race.failures import Next
from palio.race.field import Field
from palio.race.gate import Priority
from palio.race.hedge import AGAIN_AFTER, LATE
from palio.race.score import Contender, Start
from palio.race.simulation.world import Job, Run, World
from palio.race.stand import Entrant

FIRST_PAUSE, LAST_PAUSE = 0.5, 30.0
"""As in the engine: seconds before everyone who did not accept a job is asked again."""

LEAST_PAUSE = 0.05
"""As in the engine: seconds between two looks at a run that is late."""


class Racing:
    """Jobs raced in one field."""

    def __init__(self, world: World, hedge: float) -> None:
        self.world = world
        self.hedge = hedge
        entrants = [Entrant(table.name, table.places, quality=table.quality) for table in world.scenario.providers]
        self.random = Random(f"{world.seed} race")
        self.field = Field(entrants, world.clock, self.random)

    def submit(self, job: Job) -> None:
        """Race a job to its end."""
        JobRace(self, job).next_round()


class JobRace:
    """One job on its way."""

    __slots__ = (
        "_attempts", "_failed_at", "_is_lost", "_not_accepted", "_offers", "_pause", "_retries", "_unaccepted_since",
        "field", "job", "racing", "task", "world",
    )  # fmt: skip

    def __init__(self, racing: Racing, job: Job) -> None:
        jobs = racing.world.scenario.jobs
        self.racing = racing
        self.world = racing.world
        self.field = racing.field
        self.job = job
        deadline = None if jobs.deadline is None else job.arrived + jobs.deadline
        order = (Priority.normal, job.number)
        self.task = Task(job.account, job.work, order, jobs.objective, deadline=deadline, hedge=racing.hedge)
        self._attempts: list[tuple[Entry, Run]] = []
        self._offers: list[Offer] = []
        self._failed_at: set[str] = set()
        self._not_accepted: set[str] = set()
        self._is_lost = False
        self._retries = jobs.retries
        self._unaccepted_since: float | None = None
        self._pause = FIRST_PAUSE

    def next_round(self) -> None:
        """Everyone offers, one wins the job."""
        contenders = self._contenders()
        if not contenders:
            self._be_patient()
            return
        field = self.field
        starts = field.line_up(contenders, self.task)
        contest = field.contest(starts, self.task, self._won, self._lined_up_anew)
        if (start := contest.try_now()) is not None:
            self._enter(start.contender)
            return
        if (barred := min(field.barred_for(start.offer) for start in starts)) > 0:
            self._be_patient(at_most=barred)
            return
        contest.enter()

    def _contenders(self) -> list[Contender]:
        work, now = self.job.work, self.world.clock.time()
        answers = [provider.offer(work, now) for provider in self.world.providers.values()]
        offers, _ = self.field.sift(answers, NO_STEERING)
        self._offers = offers
        if self._not_accepted:
            offers = [offer for offer in offers if offer.provider not in self._not_accepted]
        if self._failed_at:
            offers = [offer for offer in offers if offer.provider not in self._failed_at] or offers
        return self.field.contenders(offers, work)

    def _won(self, start: Start) -> None:
        self._enter(start.contender)

    def _lined_up_anew(self) -> None:
        # Not within the gate's own doing: the engine, too, gets to it a moment later.
        clock = self.world.clock
        clock.call_at(clock.time(), self.next_round)

    def _enter(self, contender: Contender, *, hedge: bool = False) -> None:
        entry = self.field.started(contender, self.task, hedge=hedge)
        run = self.world.begin(contender.offer.provider, self.job, self._ended, hedge=hedge)
        self._attempts.append((entry, run))
        if not hedge and self.task.hedge:
            late = contender.estimate.quantile(LATE)
            self._look_in(LEAST_PAUSE if self.task.objective is Objective.fastest else late, entry)

    def _ended(self, run: Run) -> None:
        entry = next(entry for entry, other in self._attempts if other is run)
        self._attempts = [attempt for attempt in self._attempts if attempt[1] is not run]
        error = run.fate.error
        if error is None:
            entry.succeeded(run.fate.cost)
            for other, losing in self._attempts:
                other.abandoned()
                losing.cancel()
            self._attempts = []
            self.world.succeeded(self.job)
            return
        judgement = entry.failed(error)
        provider = run.provider.name
        if not isinstance(error, NotAccepted):
            self._unaccepted_since, self._pause = None, FIRST_PAUSE
        if judgement.next is Next.retry:
            self._failed_at.add(provider)
            self._retries -= 1
            self._is_lost = self._retries < 0
        elif judgement.next is not Next.another:
            self._is_lost = True
        elif not isinstance(error, RateLimited):
            self._not_accepted.add(provider)
        if self._attempts:
            return
        if self._is_lost:
            self.world.lost(self.job)
        else:
            self.next_round()

    def _be_patient(self, at_most: float = LAST_PAUSE) -> None:
        now = self.world.clock.time()
        if self._unaccepted_since is None:
            self._unaccepted_since = now
        left = self._unaccepted_since + self.world.scenario.jobs.patience - now
        if left <= 0:
            self.world.lost(self.job)
            return
        pause = self._pause * self.racing.random.uniform(0.5, 1.5)
        self._pause = min(2 * self._pause, LAST_PAUSE)
        self._not_accepted.clear()
        self.world.clock.call_at(now + min(pause if at_most == LAST_PAUSE else at_most, left), self.next_round)

    def _look_in(self, seconds: float, entry: Entry) -> None:
        clock = self.world.clock
        clock.call_at(clock.time() + seconds, lambda: self._look(entry))

    def _look(self, entry: Entry) -> None:
        """Hedge the run if it is worth its price now; else look again, while it runs alone."""
        if len(self._attempts) != 1 or self._attempts[0][0] is not entry:
            return
        running = entry.running
        late = entry.contender.estimate.quantile(LATE)
        if running.age >= late:
            entry.became_late()
        others = [offer for offer in self._offers if offer.provider != entry.contender.offer.provider]
        rival = self.field.rival(entry, others)
        if rival is not None and self.field.gate(rival.offer.provider).try_take():
            self._enter(rival, hedge=True)
            return
        self._look_in(max(LEAST_PAUSE, late - running.age if running.age < late else AGAIN_AFTER * running.age), entry)
