"""A picture on its way: the request that is held open for it, and what is done to stop it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

from palio.providers.hosted.signals import Reply

T = TypeVar("T")


class Generation:
    """A request under way in a task of its own, which `close` ends. `forget` is called when all is over."""

    def __init__(self, request: Coroutine[None, None, Reply], forget: Callable[[], object]) -> None:
        self._request = asyncio.create_task(request)
        self._stopping: asyncio.Task[None] | None = None
        self._forget = forget

    @property
    def is_over(self) -> bool:
        """Whether the request was answered, or never will be."""
        return self._request.done()

    async def wait(self, seconds: float) -> bool:
        """Whether the request is over, within so many seconds."""
        await asyncio.wait([self._request], timeout=seconds)
        return self.is_over

    def reply(self) -> Reply:
        """What the server answered. Raises the ProviderError that the request ended with."""
        self._forget()
        return self._request.result()

    async def stop(self, stop: Callable[[], Coroutine[None, None, None]]) -> None:
        """Want the picture no more, and have `stop` run to its end, also where who asks for it does not wait so long.

        Raises the ProviderError that `stop` does.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(stop())
            self._request.add_done_callback(self._end)
            self._stopping.add_done_callback(self._end)
        await asyncio.shield(self._stopping)

    async def close(self) -> None:
        """Let go of the request, which the server may go on with."""
        for task in filter(None, (self._stopping, self._request)):
            task.cancel()
            await asyncio.wait([task])
            _overlook(task)

    def _end(self, task: "asyncio.Task[T]") -> None:
        _overlook(task)
        if self._request.done() and (self._stopping is None or self._stopping.done()):
            self._forget()


def _overlook(task: "asyncio.Task[T]") -> None:
    """Nobody wants to know any more what a task ended with."""
    if not task.cancelled():
        task.exception()
