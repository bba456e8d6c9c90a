"""A provider whose every run does what a test wrote down for it, and that remembers what it was asked."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, TypeAlias

from PIL import Image

from palio.contract.image.job import ImageJob
from palio.providers.base import Assignment, Handle, Lost, Made, Offer, Progress, Provider, Unable

Turn: TypeAlias = "Exception | bytes"
"""What a run comes to: a failure, or the bytes that it returns."""


def png(colour: str = "teal") -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


def noise(side: int) -> bytes:
    """A picture that does not compress: three bytes a pixel."""
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG", compress_level=0)
    return file.getvalue()


class Painter(Provider):
    """Paints at once, unless its gate is closed.

    `at_start` and `at_end` are what the first runs come to at either place, in order; later runs succeed. Runs are
    known by handles `NAME-1`, `NAME-2` ...; `found` has those that an attempt's id leads to.
    """

    kind: ClassVar[str] = "painter"

    def __init__(
        self,
        name: str = "painter",
        *,
        concurrency: int = 100,
        price: float | None = 0.01,
        seconds: float = 1,
        refund: float = 0,
        resumable: bool = False,
        findable: bool = False,
        free: bool = False,
        stand_in: bool = False,
        at_start: Sequence[Turn] = (),
        at_end: Sequence[Turn] = (),
        unable: str = "",
    ) -> None:
        super().__init__(name, concurrency, resumable=resumable, findable=findable, free=free, stand_in=stand_in)
        self.seconds = seconds
        self.refund = refund
        self.price = price
        self.unable = unable
        self.gate = asyncio.Event()
        self.gate.set()
        self.started: list[ImageJob] = []
        self.found: dict[str, Handle] = {}
        self.asked_for: list[str] = []
        self.canceled: list[Handle] = []
        self.cancel_failure: Exception | None = None
        self.running = 0
        self.most_at_once = 0
        self.runs = 0
        self.pause = 0.0
        self.prepares: list[float] = []
        """How far the preparation of each run comes; it goes on when the gate below is open."""
        self.preparation_gate = asyncio.Event()
        self._at_start = list(at_start)
        self._at_end = list(at_end)

    def offer(self, job: ImageJob) -> Offer | Unable:
        return (
            Unable(self.name, self.unable)
            if self.unable
            else Offer(self.name, self.seconds, self.price, refund=self.refund)
        )

    async def start(self, assignment: Assignment) -> Handle:
        self.started.append(assignment.job)
        self.runs += 1
        handle = f"{self.name}-{self.runs}"
        self.found[assignment.attempt_id] = handle
        _raise(self._at_start.pop(0) if self._at_start else b"")
        return handle

    def will_end_with(self, turn: Turn) -> None:
        """What the next run to end comes to."""
        self._at_end.insert(0, turn)

    async def find(self, attempt_id: str) -> Handle | None:
        self.asked_for.append(attempt_id)
        return self.found.get(attempt_id)

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        if not handle.startswith(f"{self.name}-"):
            raise Lost(f"{handle} is none of mine")
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            for rate in self.prepares:
                yield Progress(rate, is_preparing=True)
                await self.preparation_gate.wait()
            yield Progress(0.5)
            await self.gate.wait()
            await asyncio.sleep(self.pause)
            turn = self._at_end.pop(0) if self._at_end else png()
        finally:
            self.running -= 1
        yield Made(_raise(turn), {"Painter": self.name}, cost=self.price)

    async def cancel(self, handle: Handle) -> None:
        self.canceled.append(handle)
        if self.cancel_failure is not None:
            raise self.cancel_failure


def _raise(turn: Turn) -> bytes:
    if isinstance(turn, Exception):
        raise turn
    return turn
