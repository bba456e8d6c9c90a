"""Why weights cannot be had, for how long that is remembered, and what is worth another try.

NotFetched           for whoever asked: the reason
├── Unavailable      no other try now will do better; remembered for so many seconds
└── Passing          the next try may do better, and is made
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from palio.resources.weights import NotFetched

T = TypeVar("T")

LONG, SHORT = 600.0, 60.0
"""Seconds for which a reason is remembered: one that will hardly change, and one that may well."""
MAX_REMEMBERED = 1000


class Unavailable(NotFetched):
    """It cannot be had, and asking again within so many seconds is no use."""

    def __init__(self, message: str, seconds: float = LONG) -> None:
        super().__init__(message)
        self.seconds = seconds


class Passing(NotFetched):
    """It did not work this time. `gained` is how many bytes it brought all the same."""

    def __init__(self, message: str, *, retry_after: float | None = None, gained: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.gained = gained


@dataclass(frozen=True, slots=True)
class Persistence:
    """How often something is tried that fails, after which pauses in seconds: at first, doubling, and at most.

    A try that brought `enough` bytes starts the count anew.
    """

    tries: int = 5
    first_pause: float = 1.0
    longest_pause: float = 60.0
    longest_refusal: float = 3600.0
    """For how long at most a site is believed that says when to come again."""
    enough: int = 8 * 1024 * 1024

    async def of(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What an attempt comes to in the end. Raises Unavailable."""
        failed = 0
        while True:
            try:
                return await attempt()
            except Passing as failure:
                failed = 1 if failure.gained >= self.enough else failed + 1
                pause = min(self.longest_pause, self.first_pause * 2 ** (failed - 1))
                if failure.retry_after is not None:
                    pause = failure.retry_after
                if failed >= self.tries or pause > self.longest_pause:
                    seconds = min(self.longest_refusal, max(SHORT, pause))
                    raise Unavailable(str(failure), seconds) from None
            await asyncio.sleep(pause)


class Refusals:
    """What could not be had lately, and why. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reasons: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def note(self, key: str, failure: Unavailable) -> None:
        """Remember a reason for as long as it says."""
        self._reasons[key] = (self._clock() + failure.seconds, str(failure))
        self._reasons.move_to_end(key)
        if len(self._reasons) > MAX_REMEMBERED:
            self._reasons.popitem(last=False)

    def reason(self, key: str) -> str | None:
        """Why it could not be had, if that is not long ago."""
        until, reason = self._reasons.get(key, (0.0, ""))
        if until > self._clock():
            return reason
        self._reasons.pop(key, None)
        return None
