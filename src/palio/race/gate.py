"""The gate of one provider account: how many runs it may have, how fast they may start, and who is next in line.

Nothing here waits: whoever stands in line is told when its turn has come. Time comes from a clock, so that the same
gates work in a server and in a simulation.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Protocol

from palio.race.clock import Clock, Timer

BACK_OFF = 0.5
"""What a rate limit leaves of the places."""

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds without a start after a rate limit that did not say how long: at first, doubling, and at most."""

LONGEST_RETRY_AFTER = 600.0
"""Seconds of a `Retry-After` that are believed."""

MAX_TURNS_KEPT = 10_000
"""Accounts of which it is remembered that they had their turn."""


class Priority(IntEnum):
    """Which of an account's own jobs go first."""

    high = 0
    normal = 1
    low = 2


@dataclass(frozen=True, slots=True)
class Rate:
    """How many runs may start in any so many seconds."""

    starts: int
    seconds: float


class Standing(Protocol):
    """A job in line at one or more gates. Of an account's jobs the one with the least `order` comes first."""

    account: str
    order: tuple[Priority, int]

    def offered(self, gate: "Gate") -> bool:
        """A place is free here; False if the job does not want it any more. It has left the line."""


class Gate:
    """Places at a provider, handed out fairly: accounts in turns, and of an account's jobs the most urgent first.

    Where places are scarce, an account that sends a thousand jobs waits for its thousand, not the others for it.
    """

    def __init__(self, provider: str, places: int, clock: Clock, rate: Rate | None = None) -> None:
        self.provider = provider
        self.places = places
        self.running = 0
        self.not_before = 0.0
        """No start before that instant of the clock."""
        self._clock = clock
        self._rate = rate
        self._limit = float(places)
        self._pause = 0.0
        self._starts: deque[float] = deque(maxlen=rate.starts if rate else 0)
        """When the latest runs started, as many as the rate allows together."""
        self._lines: dict[str, _AccountLine] = {}
        self._turns: dict[str, int] = {}
        self._round = 0
        self._timer: Timer | None = None

    @property
    def limit(self) -> int:
        """How many runs it may have now: fewer than its places for a while after a rate limit."""
        return max(1, int(self._limit))

    @property
    def waiting(self) -> int:
        """How many jobs stand in line."""
        return sum(map(len, self._lines.values()))

    @property
    def is_free(self) -> bool:
        """Whether a job that comes now gets a place."""
        return not self._lines and self._has_place()

    def try_take(self) -> bool:
        """Take a place if one is free and nobody is in line for it."""
        if self._lines or not self._has_place():
            return False
        self._take()
        return True

    def take_over(self) -> None:
        """Take a place for a run that is there already, whether or not one is free."""
        self.running += 1

    def enter(self, job: Standing) -> None:
        """Stand in line."""
        line = self._lines.get(job.account)
        if line is None:
            line = self._lines[job.account] = _AccountLine()
            # Whoever comes anew is served in the present round, unless it had its turn in that already.
            self._turns[job.account] = max(self._round, self._turns.get(job.account, 0))
        line.add(job)
        self._serve()

    def leave(self, job: Standing) -> None:
        """Step out of the line, if in it."""
        line = self._lines.get(job.account)
        if line is not None:
            line.remove(job)
            self._close_if_empty(job.account, line)

    def ahead_of(self, job: Standing) -> int | None:
        """About how many jobs get a place before this one; None if it is not in line."""
        line = self._lines.get(job.account)
        if line is None or job not in line.jobs:
            return None
        mine = sum(other.order < job.order for other in line.jobs)
        return mine + sum(min(len(other), mine + 1) for other in self._lines.values() if other is not line)

    def release(self) -> None:
        """Give a place back."""
        self.running -= 1
        self._serve()

    def accepted(self) -> None:
        """A run was taken on: what a rate limit took away comes back, one place for as many runs as there are."""
        self._pause = 0.0
        if self._limit < self.places:
            self._limit = min(float(self.places), self._limit + 1 / self._limit)
            self._serve()

    def limited(self, retry_after: float | None) -> None:
        """The provider said that it is too much."""
        now = self._clock.time()
        if now >= self.not_before:  # Runs that started together are refused together: that is one limit, not many.
            self._limit = max(1.0, self._limit * BACK_OFF)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._pause = max(self._pause, SHORTEST_PAUSE)
        # Also a vendor that says «at once» is not asked at once for ever.
        pause = self._pause if retry_after is None else min(max(retry_after, self._pause / 4), LONGEST_RETRY_AFTER)
        self.not_before = max(self.not_before, now + pause)

    def opens_in(self) -> float:
        """Seconds until a start is allowed, were a place free."""
        now = self._clock.time()
        wait = max(0.0, self.not_before - now)
        if self._rate is not None and len(self._starts) == self._rate.starts:
            wait = max(wait, self._starts[0] + self._rate.seconds - now)
        return wait

    def _has_place(self) -> bool:
        if self.running >= self.limit:
            return False
        return not (self.not_before or self._rate) or self.opens_in() <= 0

    def _take(self) -> None:
        self.running += 1
        self._starts.append(self._clock.time())

    def _serve(self) -> None:
        """Offer free places to those in line."""
        while self._lines and self._has_place():
            job = self._next()
            self._take()
            if not job.offered(self):
                self._take_back(job.account)
        if self._lines and self.running < self.limit:
            self._wake_in(self.opens_in())

    def _take_back(self, account: str) -> None:
        """A job did not want its place: that used up nothing, neither of the rate nor of its account's turns."""
        self.running -= 1
        if self._starts:
            self._starts.pop()
        if account in self._turns:
            self._turns[account] -= 1

    def _next(self) -> Standing:
        """The job whose turn it is, taken out of the line."""
        account = min(self._lines, key=self._turns.__getitem__)
        self._round = self._turns[account]
        self._turns[account] += 1
        line = self._lines[account]
        job = line.first()
        self._close_if_empty(account, line)
        return job

    def _close_if_empty(self, account: str, line: "_AccountLine") -> None:
        if line.jobs:
            return
        del self._lines[account]
        if len(self._turns) > MAX_TURNS_KEPT:
            self._turns = {
                name: turn for name, turn in self._turns.items() if turn > self._round or name in self._lines
            }

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_at(self._clock.time() + seconds + 0.001, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._serve()


class _AccountLine:
    """The jobs of one account in line."""

    __slots__ = ("_heap", "jobs")

    def __init__(self) -> None:
        self.jobs: set[Standing] = set()
        self._heap: list[tuple[tuple[Priority, int], int, Standing]] = []

    def __len__(self) -> int:
        return len(self.jobs)

    def add(self, job: Standing) -> None:
        if job not in self.jobs:
            self.jobs.add(job)
            heappush(self._heap, (job.order, id(job), job))

    def remove(self, job: Standing) -> None:
        self.jobs.discard(job)
        if len(self._heap) > 2 * len(self.jobs) + 16:
            self._heap = [entry for entry in self._heap if entry[2] in self.jobs]
            heapify(self._heap)

    def first(self) -> Standing:
        """The most urgent, taken out."""
        while True:
            job = heappop(self._heap)[2]
            if job in self.jobs:
                self.jobs.remove(job)
                return job
