"""`sketch` as a provider: pictures for any prompt, drawn in child processes.

Rendering holds Python's interpreter lock, so it is kept out of the server's process; the children start with the
first job and end with the server.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ClassVar

from palio.contract.image.job import ImageJob
from palio.providers.base import Assignment, Handle, Made, Offer, Progress, Provider, RunFailed
from palio.providers.sketch import LICENCE_NOTICE, Sketch, draw

SECONDS_PER_MEGAPIXEL = 0.4
MIN_SIDE, MAX_SIDE = 64, 4096


class SketchProvider(Provider):
    """Draws a stand-in for any image job that nobody else can do."""

    kind: ClassVar[str] = "sketch"

    def __init__(self, name: str, processes: int) -> None:
        super().__init__(name, processes, free=True, stand_in=True)
        self._pool: ProcessPoolExecutor | None = None

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def offer(self, job: ImageJob) -> Offer:
        return Offer(self.name, job.width * job.height / 1_048_576 * SECONDS_PER_MEGAPIXEL, 0.0)

    async def start(self, assignment: Assignment) -> Handle:
        return assignment.attempt_id

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        job = assignment.job
        sources = tuple([await assignment.load(reference) for reference in job.images])
        sketch = Sketch(
            prompt=job.prompt,
            negative_prompt=job.negative_prompt,
            width=_within_limits(job.width),
            height=_within_limits(job.height),
            seed=job.seed or 0,
            sources=sources,
            strength=0.7 if job.strength is None else job.strength,
        )
        yield Progress(0.1)
        yield Made(await self._draw(sketch), {"Copyright": LICENCE_NOTICE}, nsfw_level="pg", cost=0.0)

    async def _draw(self, sketch: Sketch) -> bytes:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.concurrency, context, _live_with_parent)
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, draw, sketch)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self._pool = None
            raise RunFailed("a drawing process ended unexpectedly") from error


def _within_limits(side: int) -> int:
    return max(MIN_SIDE, min(MAX_SIDE, side))


def _live_with_parent() -> None:
    """In a child: leave when the server is gone, however it went, and not before."""
    # Ctrl-C in a terminal reaches the children too, which is for the server to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
