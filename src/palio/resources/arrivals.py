"""Weights on their way, each once, however many wait for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self, TypeAlias

from palio.resources.weights import NotFetched, Tell

log = logging.getLogger(__name__)

Bring: TypeAlias = Callable[[Tell], Awaitable[Path]]
"""Brings weights here. Raises NotFetched."""


class Arrivals:
    """What is on its way, by key. Open while the block runs; at its end nothing is on its way any more."""

    def __init__(self) -> None:
        self._arrivals: dict[str, _Arrival] = {}
        self._tasks = asyncio.TaskGroup()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._tasks)
        return self

    async def __aexit__(self, *error: object) -> None:
        for arrival in self._arrivals.values():
            arrival.task.cancel()
        await self._stack.aclose()

    def __contains__(self, key: str) -> bool:
        return key in self._arrivals

    async def wait(self, key: str, bring: Bring, tell: Tell) -> Path:
        """What arrives under a key; `bring` brings it unless it is on its way already. Raises NotFetched.

        When the last who waits is cancelled, it is not brought any further.
        """
        arrival = self._arrivals.get(key)
        if arrival is None:
            arrival = self._arrivals[key] = _Arrival()
            arrival.task = self._tasks.create_task(arrival.come(key, bring))
        arrival.listeners.append(tell)
        try:
            tell(arrival.rate)
            await asyncio.wait([arrival.task])
        finally:
            arrival.listeners.remove(tell)
            if not arrival.listeners or arrival.task.done():
                arrival.task.cancel()
                if self._arrivals.get(key) is arrival:
                    del self._arrivals[key]
        if arrival.task.cancelled():
            raise NotFetched(f"{key} is not fetched any further, as the server stops")
        outcome = arrival.task.result()
        if isinstance(outcome, NotFetched):
            raise NotFetched(str(outcome))
        return outcome


class _Arrival:
    """One that is on its way, how far it has come, and who listens."""

    task: asyncio.Task[Path | NotFetched]

    def __init__(self) -> None:
        self.rate = 0.0
        self.listeners: list[Tell] = []

    async def come(self, key: str, bring: Bring) -> Path | NotFetched:
        """What comes of it; a task that raised would end all others."""
        try:
            return await bring(self._tell)
        except NotFetched as reason:
            return reason
        except Exception as error:
            log.exception("%s could not be fetched", key)
            return NotFetched(f"{key} could not be fetched: {type(error).__name__}")

    def _tell(self, rate: float) -> None:
        self.rate = rate
        for listener in list(self.listeners):
            listener(rate)
