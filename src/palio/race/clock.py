"""Time, as the race needs it: of the event loop, or of a simulation."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, unless it is called off."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Seconds of a monotonic clock, and calls at an instant of it."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer: ...


class LoopClock:
    """The time of this machine, and calls by the event loop that runs when they are asked for."""

    def time(self) -> float:
        """Seconds since some moment."""
        return monotonic()

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call back at an instant."""
        return asyncio.get_running_loop().call_later(max(0.0, when - monotonic()), callback)
