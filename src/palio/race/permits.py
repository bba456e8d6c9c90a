"""Permits: how many runs a provider may have at a time, and who waits for one."""

import asyncio
from collections.abc import Sequence


class Permits:
    """A provider's free places, handed out first come, first served."""

    def __init__(self, provider: str, concurrency: int) -> None:
        self.provider = provider
        self._free = concurrency
        self._line: dict[asyncio.Future[Permits], None] = {}

    @property
    def waiting(self) -> int:
        """How many jobs wait for a place here."""
        return len(self._line)

    def try_take(self) -> bool:
        """Take a place if one is free now."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    def release(self) -> None:
        """Give a place back: to the first who still waits, else to the free ones."""
        while self._line:
            future = next(iter(self._line))
            del self._line[future]
            if not future.done():
                future.set_result(self)
                return
        self._free += 1

    def join(self, future: "asyncio.Future[Permits]") -> None:
        """Stand in line."""
        self._line[future] = None

    def leave(self, future: "asyncio.Future[Permits]") -> None:
        """Step out of the line, if still in it."""
        self._line.pop(future, None)


async def take_first(ranked: Sequence[Permits]) -> Permits:
    """A place at the first of `ranked` that has one free, or, if none has, at whichever frees one first."""
    for permits in ranked:
        if permits.try_take():
            return permits
    future: asyncio.Future[Permits] = asyncio.get_running_loop().create_future()
    for permits in ranked:
        permits.join(future)
    try:
        return await future
    except asyncio.CancelledError:
        if future.done() and not future.cancelled():
            future.result().release()
        raise
    finally:
        for permits in ranked:
            permits.leave(future)
