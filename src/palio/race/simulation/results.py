"""What came of a simulation: a line for each job, sums, and the figures that are read from them."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isnan, nan


@dataclass(slots=True)
class Results:
    """By number of the job: seconds of the clock, and the index of its account. `finished` is NaN if it was lost."""

    policy: str
    arrived: "array[float]" = field(default_factory=lambda: array("d"))
    finished: "array[float]" = field(default_factory=lambda: array("d"))
    account: "array[int]" = field(default_factory=lambda: array("l"))
    accounts: list[str] = field(default_factory=list)
    undecided: int = 0
    lost: int = 0
    spent: float = 0.0
    """USD paid for all runs."""
    extra: float = 0.0
    """Of that, for runs that lost to another attempt at their job, and for second attempts that failed."""
    first_quotes: float = 0.0
    """USD quoted for attempts that were no hedges."""
    hedge_quotes: float = 0.0
    """USD quoted for hedges."""
    hedges: int = 0
    runs: dict[str, int] = field(default_factory=dict)
    """Attempts by provider."""
    failed_runs: int = 0
    most_running: dict[str, int] = field(default_factory=dict)
    _indices: dict[str, int] = field(default_factory=dict)

    def came(self, at: float, account: str) -> int:
        """A job came; returns its number."""
        index = self._indices.get(account)
        if index is None:
            index = self._indices[account] = len(self.accounts)
            self.accounts.append(account)
        self.arrived.append(at)
        self.finished.append(nan)
        self.account.append(index)
        self.undecided += 1
        return len(self.arrived) - 1

    def succeeded(self, number: int, at: float) -> None:
        """A job has its image."""
        self.finished[number] = at
        self.undecided -= 1

    def failed(self) -> None:
        """A job will have none."""
        self.lost += 1
        self.undecided -= 1

    @property
    def count(self) -> int:
        """How many jobs came."""
        return len(self.arrived)

    @property
    def extra_share(self) -> float:
        """What lost races cost, as a share of all else that was paid."""
        rest = self.spent - self.extra
        return self.extra / rest if rest > 0 else 0.0

    @property
    def cost_per_thousand(self) -> float:
        """USD for a thousand images."""
        done = self.count - self.lost
        return 1000 * self.spent / done if done else nan

    def latencies(self, account: int | None = None) -> "Latencies":
        """Seconds from arrival to image, of all jobs that have one, or of an account's."""
        pairs = zip(self.arrived, self.finished, self.account, strict=True)
        return Latencies(
            end - start for start, end, whose in pairs if not isnan(end) and (account is None or whose == account)
        )

    def slices(self, seconds: float, cycle: "Cycle") -> Iterator["Slice"]:
        """The jobs that came in each so many seconds of a cycle."""
        number = max(1, int((cycle.until - cycle.since) / seconds))
        latencies: list[list[float]] = [[] for _ in range(number)]
        lost = [0] * number
        open_ = [0.0] * number
        for start, end in zip(self.arrived, self.finished, strict=True):
            if (phase := cycle.phase(start)) is None:
                continue
            index = int((phase - cycle.since) / seconds)
            if index >= number:
                continue
            if isnan(end):
                lost[index] += 1
                continue
            latencies[index].append(end - start)
            # A job is open in the slices whose middle lies between its arrival and its end.
            first = ceil((phase - cycle.since) / seconds - 0.5)
            last = min(number - 1, floor((phase + end - start - cycle.since) / seconds - 0.5))
            for slice_ in range(first, last + 1):
                open_[slice_] += 1
        rounds = cycle.rounds(self.arrived[-1]) if self.arrived else 1
        for index in range(number):
            at = cycle.since + (index + 0.5) * seconds
            yield Slice(at, Latencies(latencies[index]), lost[index], open_[index] / rounds)


class Latencies:
    """Seconds that jobs took, in order."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self._seconds = sorted(seconds)

    def __len__(self) -> int:
        return len(self._seconds)

    def quantile(self, share: float) -> float:
        """Seconds within which that share was done; NaN of nothing."""
        if not self._seconds:
            return nan
        return self._seconds[min(len(self._seconds) - 1, int(share * len(self._seconds)))]

    @property
    def mean(self) -> float:
        """NaN of nothing."""
        return sum(self._seconds) / len(self._seconds) if self._seconds else nan

    def within(self, seconds: float) -> float:
        """The share that took less."""
        return bisect_left(self._seconds, seconds) / len(self._seconds) if self._seconds else nan


@dataclass(frozen=True, slots=True)
class Slice:
    """The jobs that came around an instant, and how many were open then."""

    at: float
    latencies: Latencies
    lost: int
    open: float

    @property
    def success(self) -> float:
        """Share of its jobs that have their image; NaN if none came."""
        came = len(self.latencies) + self.lost
        return len(self.latencies) / came if came else nan


@dataclass(frozen=True, slots=True)
class Cycle:
    """A stretch of time that comes again every so many seconds, or once."""

    since: float
    until: float
    every: float | None = None

    def phase(self, at: float) -> float | None:
        """Where in it an instant lies; None if outside."""
        if self.every is not None and at >= self.since:
            at = self.since + (at - self.since) % self.every
        return at if self.since <= at < self.until else None

    def rounds(self, end: float) -> float:
        """How often it came before `end`."""
        return 1.0 if self.every is None else max(1.0, (end - self.since) / self.every)


def jain(values: Sequence[float]) -> float:
    """Jain's index of fairness: 1 if all have the same, 1/n if one has all."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0
