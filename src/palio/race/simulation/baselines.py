"""What the race is compared with: simpler policies, which give each provider one line, first come, first served."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence

from palio.providers.base import NotAccepted, RateLimited
from palio.race.score import TERMS
from palio.race.simulation.racing import FIRST_PAUSE, LAST_PAUSE
from palio.race.simulation.world import Job, Run, World

DELAY = 2.0
"""How many times the mean duration a run may take before the fixed delay sends a second one after it."""


class _Line:
    """One provider's places, and who waits for them."""

    def __init__(self, places: int) -> None:
        self.free = places
        self.waiting: deque[_JobRun] = deque()


class Baseline(ABC):
    """A job goes to the provider that `choose` names, and to another, or to it again, until it is done.

    It has as many retries and as much patience as in the race, and `Retry-After` is heeded.
    """

    def __init__(self, world: World, names: Sequence[str]) -> None:
        self.world = world
        self.names = list(names)
        self.lines = {name: _Line(world.providers[name].table.places) for name in names}

    def submit(self, job: Job) -> None:
        """Bring a job to its end."""
        self.send(_JobRun(self, job))

    def send(self, job_run: "_JobRun") -> None:
        """Have a job run where its turn comes next."""
        name = self.choose(job_run)
        line = self.lines[name]
        job_run.provider = name
        if line.free:
            line.free -= 1
            job_run.begin(name)
        else:
            line.waiting.append(job_run)

    def release(self, name: str) -> None:
        """A place is free again."""
        line = self.lines[name]
        if line.waiting:
            line.waiting.popleft().begin(name)
        else:
            line.free += 1

    def began(self, job_run: "_JobRun") -> None:  # noqa: B027 (most have nothing to do)
        """A first attempt runs. May be overridden."""

    def finished(self, run: Run, seconds: float) -> None:  # noqa: B027
        """A run made its image. May be overridden."""

    @abstractmethod
    def choose(self, job_run: "_JobRun") -> str:
        """The provider for a job, which may have been `declined` by some in this round, and have failed at others."""


class Single(Baseline):
    """One provider has it all."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, [name])

    def choose(self, job_run: "_JobRun") -> str:
        """The only one."""
        return self.names[0]


class RoundRobin(Baseline):
    """Each in turn."""

    def __init__(self, world: World) -> None:
        super().__init__(world, list(world.providers))
        self._turn = 0

    def choose(self, job_run: "_JobRun") -> str:
        """The next one that has not declined the job."""
        for _ in self.names:
            name = self.names[self._turn % len(self.names)]
            self._turn += 1
            if name not in job_run.declined:
                break
        return name


class FixedDelay(Baseline):
    """The best by price and stated time that has a place; a second attempt after twice the mean, whatever it costs."""

    def __init__(self, world: World) -> None:
        second = TERMS[world.scenario.jobs.objective].second
        tables = sorted(world.scenario.providers, key=lambda table: table.price + second * (table.said or table.median))
        super().__init__(world, [table.name for table in tables])
        self._means = {table.name: table.said or table.median for table in tables}

    def choose(self, job_run: "_JobRun") -> str:
        """The best with a place, or the one with the shortest line for its places."""
        names = [name for name in self.names if name not in job_run.declined | job_run.failed_at]
        names = names or [name for name in self.names if name not in job_run.declined] or self.names
        for name in names:
            if self.lines[name].free:
                return name
        return min(names, key=lambda name: len(self.lines[name].waiting) / self.world.providers[name].table.places)

    def began(self, job_run: "_JobRun") -> None:
        """Come back when it takes too long."""
        clock = self.world.clock
        [run] = job_run.runs
        delay = DELAY * self._means[run.provider.name] * job_run.job.work
        clock.call_at(clock.time() + delay, lambda: self._hedge(job_run, run))

    def finished(self, run: Run, seconds: float) -> None:
        """Learn how long runs take."""
        name = run.provider.name
        self._means[name] += (seconds / run.job.work - self._means[name]) / 200

    def _hedge(self, job_run: "_JobRun", first: Run) -> None:
        if job_run.runs != [first]:
            return
        for name in self.names:
            if name != first.provider.name and self.lines[name].free:
                self.lines[name].free -= 1
                job_run.begin(name, hedge=True)
                return


class _JobRun:
    """A job on its way."""

    def __init__(self, policy: Baseline, job: Job) -> None:
        self.policy = policy
        self.job = job
        self.provider = ""
        self.runs: list[Run] = []
        self.declined: set[str] = set()
        self.failed_at: set[str] = set()
        self._retries = policy.world.scenario.jobs.retries
        self._pause = FIRST_PAUSE
        self._unaccepted_since: float | None = None

    def begin(self, name: str, *, hedge: bool = False) -> None:
        """Run it; a place was taken."""
        self.runs.append(self.policy.world.begin(name, self.job, self._ended, hedge=hedge))
        if not hedge:
            self.policy.began(self)

    def _ended(self, run: Run) -> None:
        policy = self.policy
        self.runs.remove(run)
        policy.release(run.provider.name)
        if run.fate.error is None:
            policy.finished(run, run.fate.seconds)
            for losing in self.runs:
                losing.cancel()
                policy.release(losing.provider.name)
            self.runs = []
            policy.world.succeeded(self.job)
        elif isinstance(run.fate.error, NotAccepted):
            self._declined(run)
        else:
            self._failed(run)

    def _failed(self, run: Run) -> None:
        self.failed_at.add(run.provider.name)
        self._unaccepted_since, self._pause = None, FIRST_PAUSE
        self._retries -= 1
        if self.runs:
            return
        if self._retries < 0:
            self.policy.world.lost(self.job)
        else:
            self.policy.send(self)

    def _declined(self, run: Run) -> None:
        """To the next at once; when everyone has declined, again after a while."""
        self.declined.add(run.provider.name)
        if self.runs:
            return
        if len(self.declined) < len(self.policy.names):
            self.policy.send(self)
            return
        clock, error = self.policy.world.clock, run.fate.error
        now = clock.time()
        if self._unaccepted_since is None:
            self._unaccepted_since = now
        left = self._unaccepted_since + self.policy.world.scenario.jobs.patience - now
        if left <= 0:
            self.policy.world.lost(self.job)
            return
        asked = error.retry_after if isinstance(error, RateLimited) else None
        pause = self._pause if asked is None else asked
        self._pause = min(2 * self._pause, LAST_PAUSE)
        self.declined.clear()
        clock.call_at(now + min(pause, left), lambda: self.policy.send(self))
