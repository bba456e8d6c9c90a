"""Where policies are tried: time, providers, and the book that is kept of it all."""

from collections.abc import Callable
from random import Random

from palio.race.simulation.arrivals import Arrival
from palio.race.simulation.clock import VirtualClock
from palio.race.simulation.provider import Fate, SyntheticProvider
from palio.race.simulation.results import Results
from palio.race.simulation.scenario import Scenario


class Job:
    """A job that a policy is to bring to its image."""

    __slots__ = ("account", "arrived", "number", "work")

    def __init__(self, number: int, arrival: Arrival) -> None:
        self.number = number
        self.account = arrival.account
        self.arrived = arrival.at
        self.work = arrival.work


class World:
    """What is the same for every policy."""

    def __init__(self, scenario: Scenario, seed: int, policy: str) -> None:
        self.scenario = scenario
        self.seed = seed
        self.clock = VirtualClock()
        self.results = Results(policy)
        self.providers = {
            table.name: SyntheticProvider(scenario, table, Random(f"{seed} {table.name}"))
            for table in scenario.providers
        }

    def begin(self, provider: str, job: Job, ended: Callable[["Run"], object], *, hedge: bool = False) -> "Run":
        """Start a run of a job; `ended` is called when it is over, unless it is cancelled."""
        run = Run(self, self.providers[provider], job, ended, hedge=hedge)
        results = self.results
        results.runs[provider] = results.runs.get(provider, 0) + 1
        quote = run.provider.table.price * job.work
        if hedge:
            results.hedges += 1
            results.hedge_quotes += quote
        else:
            results.first_quotes += quote
        return run

    def succeeded(self, job: Job) -> None:
        """A job has its image now."""
        self.results.succeeded(job.number, self.clock.time())

    def lost(self, job: Job) -> None:
        """A job will have none."""
        self.results.failed()


class Run:
    """One provider's run of a job. It ends by itself, or is cancelled."""

    __slots__ = ("_call", "_ended", "_world", "fate", "hedge", "job", "provider")

    def __init__(
        self, world: World, provider: SyntheticProvider, job: Job, ended: Callable[["Run"], object], *, hedge: bool
    ) -> None:
        clock = world.clock
        now = clock.time()
        self._world = world
        self._ended = ended
        self.provider = provider
        self.job = job
        self.hedge = hedge
        self.fate: Fate = provider.start(job.work, now)
        self._call = clock.call_at(now + self.fate.seconds, self._end)

    def cancel(self) -> None:
        """Another attempt has won."""
        self._call.cancel()
        self.provider.ended(self._world.clock.time())
        loss = self.provider.loss(self.job.work)
        self._world.results.spent += loss
        self._world.results.extra += loss

    def _end(self) -> None:
        self.provider.ended(self._world.clock.time())
        results, fate = self._world.results, self.fate
        results.spent += fate.cost
        if fate.error is not None:
            results.failed_runs += 1
            if self.hedge:
                results.extra += fate.cost
        self._ended(self)
