"""Runs a scenario under a policy, from the first job to the last."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from palio.race.simulation.arrivals import Arrival, arrivals
from palio.race.simulation.baselines import FixedDelay, RoundRobin, Single
from palio.race.simulation.racing import Racing
from palio.race.simulation.results import Results
from palio.race.simulation.scenario import Scenario
from palio.race.simulation.world import Job, World

TICK = 2_000
"""Jobs between two calls that tell of progress."""


class Policy(Protocol):
    """What decides who runs a job."""

    def submit(self, job: Job) -> None:
        """Bring a job to its end."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy by name, and how to make it."""

    name: str
    make: Callable[[World], Policy]


def racing(hedge: float, name: str | None = None) -> Candidate:
    """The race, with so large a share for hedges."""
    name = name or (f"race, {100 * hedge:g} % for hedges" if hedge else "race")
    return Candidate(name, lambda world: Racing(world, hedge))


def baselines(scenario: Scenario) -> Sequence[Candidate]:
    """What the race is compared with: each provider alone, turns, and hedges after a fixed delay."""
    alone = [_single(table.name) for table in scenario.providers]
    return [*alone, Candidate("round-robin", RoundRobin), Candidate("fixed-delay hedging", FixedDelay)]


def simulate(
    scenario: Scenario, candidate: Candidate, count: int, seed: int, progress: Callable[[int], object] = lambda _: None
) -> Results:
    """So many jobs under a policy. The same seed brings the same jobs, and the same results, every time."""
    world = World(scenario, seed, candidate.name)
    policy = candidate.make(world)
    _Stream(world, policy, arrivals(scenario, count, seed), progress).next()
    world.clock.run()
    world.results.most_running = {name: provider.most_running for name, provider in world.providers.items()}
    progress(count % TICK)
    return world.results


class _Stream:
    """Submits jobs as they come."""

    def __init__(
        self, world: World, policy: Policy, jobs: Iterator[Arrival], progress: Callable[[int], object]
    ) -> None:
        self._world = world
        self._policy = policy
        self._jobs = jobs
        self._progress = progress
        self._job: Job | None = None

    def next(self) -> None:
        """Submit the job that has come, and wait for the one after it."""
        results = self._world.results
        if self._job is not None:
            self._job.number = results.came(self._job.arrived, self._job.account)
            self._policy.submit(self._job)
            if results.count % TICK == 0:
                self._progress(TICK)
        arrival = next(self._jobs, None)
        if arrival is not None:
            self._job = Job(-1, arrival)
            self._world.clock.call_at(arrival.at, self.next)


def _single(name: str) -> Candidate:
    return Candidate(f"{name} alone", lambda world: Single(world, name))
