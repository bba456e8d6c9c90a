"""Waking those who wait for a workflow's end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

Ending: TypeAlias = "asyncio.Future[bool]"
"""True once the workflow is over, False when the wait is."""


class Announcer:
    """Tells everyone who waits for a workflow that it is over; what it came to, they read from the store."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Ending]] = {}
        self._closed = False

    def ended(self, workflow_id: str) -> None:
        """A workflow is over, and the store has it so."""
        for ending in self._waiting.pop(workflow_id, ()):
            if not ending.done():
                ending.set_result(True)

    @contextmanager
    def expect(self, workflow_id: str) -> Iterator[Ending]:
        """Start to listen; looking at the store only after this misses nothing."""
        ending: Ending = asyncio.get_running_loop().create_future()
        if self._closed:
            ending.set_result(False)
        waiting = self._waiting.setdefault(workflow_id, set())
        waiting.add(ending)
        try:
            yield ending
        finally:
            waiting.discard(ending)
            if not waiting and self._waiting.get(workflow_id) is waiting:
                del self._waiting[workflow_id]

    def close(self) -> None:
        """Let everyone go: the server stops."""
        self._closed = True
        for endings in self._waiting.values():
            for ending in endings:
                give_up(ending)


async def within(seconds: float, ending: Ending) -> bool:
    """Whether the workflow was over before the time was up."""
    timer = asyncio.get_running_loop().call_later(seconds, give_up, ending)
    try:
        return await ending
    finally:
        timer.cancel()


def give_up(ending: Ending) -> None:
    """Stop waiting."""
    if not ending.done():
        ending.set_result(False)
