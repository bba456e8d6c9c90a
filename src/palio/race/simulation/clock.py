"""A clock whose time passes as fast as events can be worked off."""

from collections.abc import Callable
from heapq import heappop, heappush


class Call:
    """A call that will be made, unless it is called off."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Call it off; also after it was made."""
        self.callback = None


class VirtualClock:
    """Seconds from 0 on. Calls for the same instant are made in the order in which they were asked for."""

    __slots__ = ("_calls", "_now", "_number")

    def __init__(self) -> None:
        self._now = 0.0
        self._number = 0
        self._calls: list[tuple[float, int, Call]] = []

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], object], /) -> Call:
        """Call back at an instant; one that is past is now."""
        call = Call(callback)
        self._number += 1
        heappush(self._calls, (max(when, self._now), self._number, call))
        return call

    def run(self) -> None:
        """Make all calls, and those that they ask for, until none is left."""
        calls = self._calls
        while calls:
            when, _, call = heappop(calls)
            if call.callback is not None:
                self._now = when
                call.callback()
