"""The way of a job through a vendor whose answer to a submission is the picture, or says where that is.

    start    pictures -> payload -> submission -> signal -> cost -> handle
    watch    picture

An address goes into the handle, and so on record before anything is downloaded: a next process downloads what this
one paid for. A picture within the answer is held until it is watched for, and is gone with this process. One that cost
nothing is made again.
"""

import asyncio
from collections.abc import AsyncIterator
from time import time
from typing import ClassVar

import msgspec

from palio.providers.base import Ambiguous, Assignment, Handle, Made, Progress, ProviderError
from palio.providers.hosted.account import Account
from palio.providers.hosted.orders import Run
from palio.providers.hosted.provider import MAX_READ_AT_ONCE, MAX_SENT_BYTES, HostedProvider

PICTURE = "picture"


class SynchronousProvider(HostedProvider):
    """Runs jobs at a vendor that makes the picture while it is waited for. Such a run cannot be stopped."""

    answer_seconds: ClassVar[float] = 180.0
    """How long an answer may take; the account's deadline too bounds it."""
    max_answer_bytes: ClassVar[int] = 2 * MAX_SENT_BYTES

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.synchronous = True
        self.resumable = not self.free
        self._held: dict[str, str] = {}

    async def start(self, assignment: Assignment) -> Handle:
        order = await self.order(assignment)
        reply = await self.submit(order, min(self.answer_seconds, self.account.limits.deadline))
        is_large = len(reply.answer.body) > MAX_READ_AT_ONCE
        picture = await asyncio.to_thread(self.picture, reply) if is_large else self.picture(reply)
        run = Run(order.attempt_id, order.model.id, time())
        is_inline = picture.startswith("data:")
        if is_inline:
            self._hold(run.id, picture)
        urls = {} if is_inline else {PICTURE: picture}
        cost, nsfw_level = self.paid(run, reply), self.nsfw_level(reply)
        return msgspec.structs.replace(run, urls=urls, cost=cost, nsfw_level=nsfw_level).handle

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        run = self.run_in(handle)
        picture = run.urls.get(PICTURE) or self._held.pop(run.id, None)
        if picture is None:
            raise Ambiguous(f"{self.name} made the picture, and the server stopped before it was kept")
        yield await self.made(run, picture, run.cost, run.nsfw_level)

    async def cancel(self, handle: Handle) -> None:
        self._held.pop(self.run_in(handle).id, None)
        raise ProviderError(f"{self.name} had made the picture already")

    def _hold(self, run_id: str, picture: str) -> None:
        self._held[run_id] = picture
        while len(self._held) > 2 * self.concurrency:  # of runs that nobody came to watch
            del self._held[next(iter(self._held))]
