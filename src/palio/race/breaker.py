"""Leaving a provider alone that fails, and trying it again with one job at a time. Pure."""

from collections import deque
from enum import StrEnum
from random import Random

CONSECUTIVE = 3
"""Faults in a row that open a breaker."""

WINDOW = 20
LEAST_SEEN = 10
FREQUENT = 0.5
"""More than this share of faults among the last 20 runs, 10 at least, opens it too."""

FIRST_PAUSE, LAST_PAUSE = 5.0, 300.0
"""Seconds it stays open: at first, doubling with every trial that fails, and at most."""


class BreakerState(StrEnum):
    """Whether jobs may go to a provider."""

    closed = "closed"
    open = "open"
    half_open = "halfOpen"


class Breaker:
    """Counts the faults of one provider with one model. Instants are seconds of any monotonic clock."""

    __slots__ = ("_in_a_row", "_openings", "_outcomes", "_trial", "opens_at", "state")

    def __init__(self) -> None:
        self._outcomes: deque[bool] = deque(maxlen=WINDOW)
        self._in_a_row = 0
        self._openings = 0
        self._trial = False
        self.state = BreakerState.closed
        self.opens_at = 0.0
        """When the next job may be tried, while it is open."""

    def allows(self, at: float) -> bool:
        """Whether a job may start now."""
        if self.state is BreakerState.closed:
            return True
        if self.state is BreakerState.open and at < self.opens_at:
            return False
        return not self._trial

    def started(self) -> bool:
        """A job starts. True if it is the trial, of which there is one at a time while the breaker is not closed."""
        if self.state is BreakerState.closed:
            return False
        self.state = BreakerState.half_open
        self._trial = True
        return True

    def succeeded(self) -> None:
        """A run came to a result, or at least to an answer that is no fault of the provider."""
        self._outcomes.append(True)
        self._in_a_row = 0
        if self.state is not BreakerState.closed:
            self.state = BreakerState.closed
            self._outcomes.clear()
            self._openings = 0
            self._trial = False

    def faulted(self, at: float, random: Random, *, is_trial: bool = True) -> None:
        """A run came to nothing by the provider's fault.

        While the breaker is not closed only the trial counts: runs that began before are of the time before.
        """
        if self.state is not BreakerState.closed and not (is_trial and self._trial):
            return
        self._outcomes.append(False)
        self._in_a_row += 1
        if self.state is not BreakerState.closed or self._in_a_row >= CONSECUTIVE or self._is_frequent():
            self._open(at, random)

    def abandoned_trial(self) -> None:
        """The trial ended without telling anything, canceled, say: the next job is the trial."""
        self._trial = False

    def _is_frequent(self) -> bool:
        seen = len(self._outcomes)
        return seen >= LEAST_SEEN and self._outcomes.count(False) / seen > FREQUENT

    def _open(self, at: float, random: Random) -> None:
        pause = min(LAST_PAUSE, FIRST_PAUSE * 2.0**self._openings)
        self._openings = min(self._openings + 1, 10)
        self.opens_at = at + pause * random.uniform(0.5, 1.5)
        self.state = BreakerState.open
        self._trial = False
        self._outcomes.clear()
        self._in_a_row = 0
