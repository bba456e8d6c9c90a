"""A clock that stands still until it is told how far to go."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Call:
    """Something that will happen, unless it is called off."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualClock:
    """Time that passes only when a test says so; what is due then happens in order."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._calls: list[tuple[float, int, Call]] = []
        self._numbers = count()
        self.fired = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> Call:
        call = Call(callback)
        heappush(self._calls, (when, next(self._numbers), call))
        return call

    @property
    def pending(self) -> int:
        """How many calls are still to be made."""
        return sum(call.callback is not None for *_, call in self._calls)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self._calls and self._calls[0][0] <= end:
            when, _, call = heappop(self._calls)
            if call.callback is not None:
                self.now = max(self.now, when)
                self.fired += 1
                call.callback()
        self.now = end
