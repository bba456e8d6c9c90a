"""What a server should not stop in the middle of."""

import asyncio
from collections.abc import Hashable


class Unheard:
    """Runs of which only an answer that is still to come tells what they have come to, and which may be paid for."""

    def __init__(self) -> None:
        self._runs: set[Hashable] = set()
        self._nothing = asyncio.Event()

    def add(self, run: Hashable) -> None:
        """An answer is waited for."""
        self._runs.add(run)
        self._nothing.clear()

    def discard(self, run: Hashable) -> None:
        """It has come, and is on record, or nobody waits for it any more."""
        self._runs.discard(run)
        if not self._runs:
            self._nothing.set()

    def __len__(self) -> int:
        return len(self._runs)

    async def wait(self, seconds: float) -> None:
        """Returns when there is none, or the time is up."""
        if not self._runs:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._nothing.wait()
        except TimeoutError:
            pass
