"""When jobs come, and whose they are."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from random import Random

from palio.race.simulation.scenario import AccountTable, Bursts, Scenario


class Arrival:
    """A job that comes."""

    __slots__ = ("account", "at", "work")

    def __init__(self, at: float, account: str, work: float) -> None:
        self.at = at
        self.account = account
        self.work = work


def arrivals(scenario: Scenario, count: int, seed: int) -> Iterator[Arrival]:
    """So many jobs in the order in which they come; the same for every policy."""
    sizes = [size.work for size in scenario.jobs.sizes]
    shares = [size.share for size in scenario.jobs.sizes]
    works = Random(f"{seed} works")
    streams = [_stream(account, Random(f"{seed} {account.name}")) for account in scenario.accounts]
    for at, account in islice(merge(*streams), count):
        work = sizes[0] if len(sizes) == 1 else works.choices(sizes, shares)[0]
        yield Arrival(at, account, work)


def account_names(account: AccountTable) -> Sequence[str]:
    """The accounts of a group."""
    if account.count == 1:
        return [account.name]
    return [f"{account.name}-{number}" for number in range(1, account.count + 1)]


def _stream(account: AccountTable, random: Random) -> Iterator[tuple[float, str]]:
    """A Poisson process whose rate changes: candidates come at the highest rate, and are thinned out."""
    names, bursts = account_names(account), account.bursts
    highest = account.rate * account.count * (bursts.factor if bursts else 1.0)
    at = 0.0
    while True:
        at += random.expovariate(highest)
        if bursts is None or _is_burst(bursts, at) or random.random() < 1 / bursts.factor:
            yield at, names[0] if len(names) == 1 else random.choice(names)


def _is_burst(bursts: Bursts, at: float) -> bool:
    return at >= bursts.start and (at - bursts.start) % bursts.every < bursts.lasts
