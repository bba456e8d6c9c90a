"""A provider that does what its options say: for trying out a client or a policy without a model.

`[providers.NAME]` with `kind = "scripted"`, `price` (USD, 0) and any of: `seconds` a run takes (0), `fail` the
share of runs that fail (0), `refuse` a word whose presence in a prompt gets it refused, `families` it serves,
comma-separated (all), `tiny` to always make the same 64x64 pixels, `starts` a file that gets a line per started
run, as a vendor's invoice would. A run is a function of its handle and the time, so it outlives this process.
"""

import asyncio
import io
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from random import Random
from time import time
from typing import ClassVar

import msgspec
from PIL import Image

from palio.contract.image.job import ImageJob, OutputFormat
from palio.providers.base import Assignment, Handle, Made, Offer, Progress, Provider, Refused, RunFailed, Unable


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options."""

    seconds: float = 0.0
    fail: float = 0.0
    refuse: str = ""
    families: str = ""
    tiny: bool = False
    starts: str = ""


class _Run(msgspec.Struct, frozen=True):
    """What a handle says."""

    started: float
    ends: float
    fails: bool


class Scripted(Provider):
    """Makes plain pictures on a timetable."""

    kind: ClassVar[str] = "scripted"

    def __init__(self, name: str, concurrency: int, price: float | None, script: Script) -> None:
        self._script = script
        self._price = price or 0.0
        super().__init__(name, concurrency, resumable=self._script.seconds > 0, free=self._price == 0)
        self._families = frozenset(filter(None, self._script.families.replace(" ", "").split(",")))
        self._random = Random()  # noqa: S311 - decides which runs fail, not a secret

    def offer(self, job: ImageJob) -> Offer | Unable:
        if self._families and job.family not in self._families:
            return Unable(self.name, f"does not serve {job.family}")
        return Offer(self.name, self._script.seconds, self._price)

    async def start(self, assignment: Assignment) -> Handle:
        script = self._script
        if script.refuse and script.refuse in assignment.job.prompt:
            raise Refused(f"the prompt holds {script.refuse!r}")
        if script.starts:
            _append(script.starts, assignment.attempt_id)
        started = time()
        run = _Run(started, started + script.seconds, self._random.random() < script.fail)
        return msgspec.json.encode(run).decode()

    async def watch(self, handle: Handle, assignment: Assignment) -> AsyncIterator[Progress | Made]:
        run = msgspec.json.decode(handle, type=_Run)
        length = run.ends - run.started
        while (left := run.ends - time()) > 0:
            yield Progress(1 - left / length)
            await asyncio.sleep(min(left, max(0.05, length / 20)))
        if run.fails:
            raise RunFailed("failed as its script says")
        job = assignment.job
        size = (64, 64) if self._script.tiny else (job.width, job.height)
        yield Made(_plain(size, job.format, 0 if self._script.tiny else job.seed or 0), {}, cost=self._price)


def _append(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


@lru_cache(maxsize=8)
def _plain(size: tuple[int, int], format_: OutputFormat, seed: int) -> bytes:
    colour = tuple(Random(seed).randbytes(3))  # noqa: S311 - a colour
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format_.value.upper())
    return file.getvalue()
