"""One job's claim race: it stands in line at every contender's gate, from the end of its head start on.

Nothing here waits; `won` is called, once, when a place was taken for the job. If it answers False, the job cannot use
the place any more, which goes to the next.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from palio.providers.base import Offer
from palio.race.clock import Clock, Timer
from palio.race.gate import Gate, Priority
from palio.race.score import Start

AGAIN = 1.0
"""Seconds after which a contender that is barred, but not for a known time, is asked again."""


class Course(Protocol):
    """Where a contest takes place."""

    def gate(self, provider: str) -> Gate: ...

    def barred_for(self, offer: Offer) -> float:
        """Seconds for which nothing may start with that offer; 0 if it may now."""

    def promise(self, offer: Offer) -> None:
        """A job has won a place with that offer, and will start."""


class Contest:
    """A job on its way to a place. A contest is entered once, and ends by being won or left.

    With `barred`, it also ends, and that is called, when a place is offered by a contender that has been barred
    since; without, that contender is entered again when it no longer is.
    """

    __slots__ = ("_barred", "_clock", "_course", "_starts", "_timers", "_won", "account", "is_over", "order")

    def __init__(
        self,
        course: Course,
        clock: Clock,
        starts: Sequence[Start],
        won: Callable[[Start], object],
        *,
        account: str,
        order: tuple[Priority, int],
        barred: Callable[[], object] | None = None,
    ) -> None:
        self.account = account
        self.order = order
        self.is_over = False
        self._course = course
        self._clock = clock
        self._starts = {start.offer.provider: start for start in starts}
        self._timers: dict[str, Timer] = {}
        self._won = won
        self._barred = barred

    def try_now(self) -> Start | None:
        """Win a place that is free at this moment, if there is one, without standing in line."""
        for start in self._starts.values():
            is_open = start.after <= 0 and not self._course.barred_for(start.offer)
            if is_open and self._course.gate(start.offer.provider).try_take():
                self.is_over = True
                self._course.promise(start.offer)
                return start
        return None

    def enter(self) -> None:
        """Stand in line: at once where there is no head start to wait for, elsewhere when it is over."""
        for start in self._starts.values():
            if self.is_over:
                return
            self._enter_after(start, start.after)

    def leave(self) -> None:
        """Give up; nothing is won any more."""
        self.is_over = True
        self._end()

    def offered(self, gate: Gate) -> bool:
        """A gate has a place for the job."""
        start = self._starts[gate.provider]
        if self.is_over:
            return False
        if barred := self._course.barred_for(start.offer):
            if self._barred is None:
                self._enter_after(start, max(barred, AGAIN))
            else:
                # The order was made when this one was thought well of.
                self.leave()
                self._barred()
            return False
        self.is_over = True
        self._end()
        self._course.promise(start.offer)
        return self._won(start) is not False

    def ahead(self) -> int | None:
        """About how many jobs get a place before this one, where it is nearest to one; None if it is in no line."""
        places = [self._course.gate(provider).ahead_of(self) for provider in self._starts]
        return min((place for place in places if place is not None), default=None)

    def _enter_after(self, start: Start, seconds: float) -> None:
        seconds = max(seconds, self._course.barred_for(start.offer))
        if seconds <= 0:
            self._course.gate(start.offer.provider).enter(self)
        else:
            # One at a time for each, however often it is barred.
            self._timers[start.offer.provider] = self._clock.call_at(
                self._clock.time() + seconds, lambda: self._enter_now(start)
            )

    def _enter_now(self, start: Start) -> None:
        if not self.is_over:
            self._enter_after(start, 0.0)

    def _end(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for provider in self._starts:
            self._course.gate(provider).leave(self)
